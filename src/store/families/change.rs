//! What makes the families that are stored those that are wanted: no more rows are written than differ.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteTransaction;
use sqlx::{QueryBuilder, Sqlite};

use super::fingerprint;
use crate::model::{Family, Fingerprint, UnixNanos};
use crate::store::StoreError;

/// Rows that one statement writes or removes: three values each stay far below what SQLite and PostgreSQL take.
const ROWS_MAX: usize = 500;

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
    pub(super) async fn stored(transaction: &mut SqliteTransaction<'_>) -> Result<Self, StoreError> {
        let failed = StoreError::while_doing("reading families");
        let mut ties = Self::default();
        let families =
            sqlx::query_as::<_, (String, String, String)>("SELECT id, template, reason FROM family");
        for (id, template, reason) in families.fetch_all(&mut **transaction).await.map_err(&failed)? {
            ties.families.insert(fingerprint("family", "id", id)?, (template, reason));
        }
        let members = sqlx::query_as::<_, (String, String)>("SELECT fingerprint, family FROM member");
        for (member, family) in members.fetch_all(&mut **transaction).await.map_err(&failed)? {
            let member = fingerprint("member", "fingerprint", member)?;
            ties.members.insert(member, fingerprint("member", "family", family)?);
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
        transaction: &mut SqliteTransaction<'_>,
        now: UnixNanos,
    ) -> Result<(), sqlx::Error> {
        remove(transaction, "DELETE FROM family WHERE id IN (", &self.families_gone).await?;
        remove(transaction, "DELETE FROM member WHERE fingerprint IN (", &self.members_gone).await?;
        for rows in self.families.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO family (id, template, reason) ");
            query.push_values(rows, |mut row, (id, template, reason)| {
                row.push_bind(id.to_string()).push_bind(*template).push_bind(*reason);
            });
            query.push(
                " ON CONFLICT (id) DO UPDATE SET template = excluded.template, reason = excluded.reason",
            );
            query.build().execute(&mut **transaction).await?;
        }
        for rows in self.members.chunks(ROWS_MAX) {
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO member (fingerprint, family, since) ");
            query.push_values(rows, |mut row, (member, family)| {
                row.push_bind(member.to_string()).push_bind(family.to_string()).push_bind(now.to_i64());
            });
            query.push(" ON CONFLICT (fingerprint) DO UPDATE SET family = excluded.family");
            query.build().execute(&mut **transaction).await?;
        }
        Ok(())
    }
}

async fn remove(
    transaction: &mut SqliteTransaction<'_>,
    statement: &str,
    gone: &BTreeSet<Fingerprint>,
) -> Result<(), sqlx::Error> {
    for named in gone.iter().collect::<Vec<_>>().chunks(ROWS_MAX) {
        let mut query = QueryBuilder::<Sqlite>::new(statement);
        let mut names = query.separated(", ");
        for fingerprint in named {
            names.push_bind(fingerprint.to_string());
        }
        query.push(")").build().execute(&mut **transaction).await?;
    }
    Ok(())
}
