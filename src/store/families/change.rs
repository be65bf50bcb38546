//! What makes the families that are stored those that are wanted: no more rows are written than differ.

use std::collections::{BTreeMap, BTreeSet};

use super::fingerprint;
use crate::model::{Family, Fingerprint, UnixNanos};
use crate::store::StoreError;
use crate::store::engine::{Rows, Transaction, sql};

/// Families as the tables hold them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ties {
    /// By id: template and reason.
    families: BTreeMap<Fingerprint, (String, String)>,
    /// By member: its family.
    members: BTreeMap<Fingerprint, Fingerprint>,
}

impl Ties {
    /// What is in two families by mistake belongs to the first.
    pub(super) fn of(families: &[Family]) -> Self {
        let mut ties = Self::default();
        for family in families {
            ties.families.insert(family.id, (family.template.clone(), family.reason.clone()));
            for member in std::iter::once(&family.id).chain(&family.aliases) {
                ties.members.entry(*member).or_insert(family.id);
            }
        }
        ties
    }

    /// Keeps together what was together before, but for who is `released`: its members may have made a family
    /// that is larger, or none at all where not all templates could be compared.
    pub(super) fn keep(&mut self, before: &Self, released: &BTreeSet<Fingerprint>) {
        let mut groups = BTreeMap::<Fingerprint, Vec<Fingerprint>>::new();
        for (member, family) in before.members.iter().filter(|(member, _)| !released.contains(member)) {
            groups.entry(*family).or_default().push(*member);
        }
        for (family, members) in groups.into_iter().filter(|(_, members)| members.len() > 1) {
            let roots: BTreeSet<_> =
                members.iter().filter_map(|member| self.members.get(member)).copied().collect();
            let are_one = roots.len() == 1 && members.iter().all(|member| self.members.contains_key(member));
            if !are_one {
                self.tie(&members, &roots, before.families.get(&family));
            }
        }
    }

    /// Makes one family of these members and of all that are in the families of `roots`.
    fn tie(
        &mut self,
        members: &[Fingerprint],
        roots: &BTreeSet<Fingerprint>,
        told: Option<&(String, String)>,
    ) {
        let Some(id) = members.iter().chain(roots).min().copied() else { return };
        let told =
            roots.iter().find_map(|root| self.families.get(root)).or(told).cloned().unwrap_or_default();
        self.families.retain(|family, _| !roots.contains(family));
        self.families.insert(id, told);
        for family in self.members.values_mut().filter(|family| roots.contains(family)) {
            *family = id;
        }
        self.members.extend(members.iter().map(|member| (*member, id)));
    }

    /// Those that the tables hold now.
    pub(super) async fn stored(transaction: &mut Transaction) -> Result<Self, StoreError> {
        let failed = StoreError::while_doing("reading families");
        let mut ties = Self::default();
        for row in transaction.fetch("SELECT id, template, reason FROM family").await.map_err(&failed)? {
            let text = |column| row.text(column).map_err(&failed);
            let id = fingerprint("family", "id", text("id")?)?;
            ties.families.insert(id, (text("template")?, text("reason")?));
        }
        for row in transaction.fetch("SELECT fingerprint, family FROM member").await.map_err(&failed)? {
            let id =
                |column| row.text(column).map_err(&failed).and_then(|id| fingerprint("member", column, id));
            ties.members.insert(id("fingerprint")?, id("family")?);
        }
        Ok(ties)
    }
}

/// What makes one set of families of another.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change<'t> {
    families: Vec<(Fingerprint, &'t str, &'t str)>,
    members: Vec<(Fingerprint, Fingerprint)>,
    families_gone: BTreeSet<Fingerprint>,
    members_gone: BTreeSet<Fingerprint>,
}

impl<'t> Change<'t> {
    pub(super) fn between(before: &Ties, after: &'t Ties) -> Self {
        let families = after.families.iter().filter(|(id, is)| before.families.get(id) != Some(is));
        let members = after.members.iter().filter(|(id, is)| before.members.get(id) != Some(is));
        let gone = |id: &&Fingerprint| !after.families.contains_key(id);
        let left = |id: &&Fingerprint| !after.members.contains_key(id);
        Self {
            families: families.map(|(id, (template, reason))| (*id, &**template, &**reason)).collect(),
            members: members.map(|(member, family)| (*member, *family)).collect(),
            families_gone: before.families.keys().filter(gone).copied().collect(),
            members_gone: before.members.keys().filter(left).copied().collect(),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) async fn write(
        &self,
        transaction: &mut Transaction,
        now: UnixNanos,
    ) -> Result<(), sqlx::Error> {
        let ids =
            |ids: &BTreeSet<Fingerprint>| Rows::default().texts("id", ids.iter().map(Fingerprint::to_string));
        let gone = sql("DELETE FROM family WHERE id IN (SELECT rows.id FROM {rows})");
        transaction.execute(gone.with(ids(&self.families_gone))).await?;
        let gone = sql("DELETE FROM member WHERE fingerprint IN (SELECT rows.id FROM {rows})");
        transaction.execute(gone.with(ids(&self.members_gone))).await?;
        let families = Rows::default()
            .texts("id", self.families.iter().map(|(id, ..)| id.to_string()))
            .texts("template", self.families.iter().map(|(_, template, _)| *template))
            .texts("reason", self.families.iter().map(|(.., reason)| *reason));
        let written = sql(
            "INSERT INTO family (id, template, reason) SELECT id, template, reason FROM {rows} WHERE TRUE
             ON CONFLICT (id) DO UPDATE SET template = excluded.template, reason = excluded.reason",
        );
        transaction.execute(written.with(families)).await?;
        let members = Rows::default()
            .texts("fingerprint", self.members.iter().map(|(member, _)| member.to_string()))
            .texts("family", self.members.iter().map(|(_, family)| family.to_string()));
        let written = sql(
            "INSERT INTO member (fingerprint, family, since) SELECT fingerprint, family, $1 FROM {rows} WHERE TRUE
             ON CONFLICT (fingerprint) DO UPDATE SET family = excluded.family",
        );
        transaction.execute(written.bind(now.to_i64()).with(members)).await.map(drop)
    }
}
