//! The conversation: Claude looks around, then submits a change or declines.
//!
//! The history is append-only: system, tools and earlier messages never change, what the model said goes back unchanged.
//! Its length, its cost and its time are bounded; whichever bound is met is told as the reason.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::edits::{self, JudgeError, Submission};
use super::evidence::Evidence;
use super::snapshot::{Snapshot, SnapshotError};
use super::tools::{self, Call};
use super::{RemedyError, prompt};
use crate::claude::{Answer, Block, Client, Message, Request, StopReason, data, price};
use crate::model::{Cluster, Expense, NoFix};
use crate::purse::Purse;
use crate::redact;

/// The longest answer: what can still be awaited without streaming is 21,333.
const MAX_TOKENS: u32 = 16_000;
/// What a cut answer is asked for once more, as a stream.
const MAX_TOKENS_AGAIN: u32 = 32_000;
/// What a first message has: system, tools, and some evidence.
const FIRST_INPUT_TOKENS: u64 = 10_000;
/// Submissions that did not hold before it counts as failed.
const INVALID_SUBMISSIONS_MAX: u32 = 3;

/// What one fix may use up.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// US dollars.
    pub usd_max: f64,
    /// Answers of the model.
    pub calls_max: u32,
    /// Tokens that are read and do not come from the cache.
    pub uncached_input_tokens_max: u64,
    /// Time, from the first call.
    pub time_max: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            usd_max: 2.0,
            calls_max: 24,
            uncached_input_tokens_max: 400_000,
            time_max: Duration::from_mins(15),
        }
    }
}

/// What a conversation used up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens answered.
    pub output_tokens: u64,
    /// US dollars.
    pub cost_usd: f64,
    uncached_input_tokens: u64,
    calls: u32,
    /// How long the conversation is by now: what the next call reads at least.
    latest_input_tokens: u64,
    /// How long the latest request was, in bytes.
    latest_bytes: u64,
}

/// How a conversation ended.
#[derive(Debug)]
pub enum Verdict {
    /// A change that holds.
    Submitted(Submission),
    /// No change, in the model's words.
    Declined(String),
    /// No change, for a reason of the conversation.
    Failed(String),
    /// It could not go on.
    Broken(RemedyError),
}

/// How a conversation ended, and what it used up.
#[derive(Debug)]
pub struct Outcome {
    /// The end.
    pub verdict: Verdict,
    /// What it used up, also where it broke off.
    pub usage: Spent,
    /// The model.
    pub model: String,
    /// The code of the reason, where it failed.
    pub no_fix: NoFix,
}

/// Holds conversations with Claude.
#[derive(Debug, Clone)]
pub struct Agent {
    claude: Client,
    /// Who pays, and for which fix; nobody counts where there is none.
    payer: Option<(Purse, String)>,
}

/// What the conversation is at.
struct Conversation<'a> {
    cluster: &'a Cluster,
    evidence: &'a Evidence,
    snapshot: &'a Snapshot,
    budget: &'a Budget,
    begun: Instant,
    history: Vec<Message>,
    hints: Vec<String>,
    spent: Spent,
    nudged: bool,
    invalid: u32,
    max_tokens: u32,
    /// The code of the reason, should it fail.
    no_fix: NoFix,
}

impl Agent {
    /// An agent that asks through `claude`.
    #[must_use]
    pub fn new(claude: Client) -> Self {
        Self { claude, payer: None }
    }

    /// What the first call of a conversation is likely set aside for, in US dollars.
    #[must_use]
    pub fn first_call_usd(&self) -> f64 {
        price::reserve_usd(self.claude.model(), FIRST_INPUT_TOKENS, MAX_TOKENS)
    }

    /// The same, of which every call is paid from `purse` for the fix of this id.
    #[must_use]
    pub fn paid_from(&self, purse: Purse, fix_id: &str) -> Self {
        Self { payer: Some((purse, fix_id.to_owned())), ..self.clone() }
    }

    /// Asks for a fix of `cluster`, in the repository of `snapshot`.
    pub async fn write_fix(
        &self,
        cluster: &Cluster,
        evidence: &Evidence,
        snapshot: &Snapshot,
        budget: &Budget,
    ) -> Outcome {
        let mut conversation = Conversation::new(cluster, evidence, snapshot, budget);
        let ended = self.converse(&mut conversation).await;
        self.outcome(&conversation, ended)
    }

    fn outcome(&self, conversation: &Conversation<'_>, ended: Result<Verdict, RemedyError>) -> Outcome {
        let verdict = ended.unwrap_or_else(Verdict::Broken);
        let model = self.claude.model().to_owned();
        Outcome { verdict, usage: conversation.spent, model, no_fix: conversation.no_fix }
    }

    async fn converse(&self, conversation: &mut Conversation<'_>) -> Result<Verdict, RemedyError> {
        let Conversation { cluster, evidence, snapshot, .. } = *conversation;
        let first = prompt::first_message(cluster, evidence, snapshot, data::nonce()).await;
        let first = first.map_err(broken)?;
        self.talk(conversation, first).await
    }

    /// Talks from the first message to an end.
    async fn talk(&self, conversation: &mut Conversation<'_>, first: String) -> Result<Verdict, RemedyError> {
        conversation.spent.latest_input_tokens = first.len() as u64 / 3;
        conversation.say(&[json!({"type": "text", "text": first})])?;
        let (system, tools) = (prompt::system(), tools::definitions());
        loop {
            if let Some(bound) = conversation.bound_met(self.claude.model()) {
                conversation.no_fix = NoFix::Budget;
                return Ok(Verdict::Failed(format!("stopped by budget: {bound}")));
            }
            let left = conversation.time_left();
            let Ok(answered) = tokio::time::timeout(left, self.ask(conversation, &system, &tools)).await
            else {
                continue;
            };
            if let Some(verdict) = conversation.go_on(answered?).await? {
                return Ok(verdict);
            }
        }
    }

    async fn ask(
        &self,
        conversation: &mut Conversation<'_>,
        system: &Value,
        tools: &Value,
    ) -> Result<Answer, RemedyError> {
        let request = Request {
            model: self.claude.model(),
            max_tokens: conversation.max_tokens,
            cache_control: Some(json!({"type": "ephemeral"})),
            system,
            thinking: json!({"type": "adaptive"}),
            output_config: json!({"effort": "medium"}),
            tool_choice: json!({"type": "auto"}),
            metadata: json!({"user_id": conversation.cluster.fingerprint}),
            tools,
            messages: &conversation.history,
        };
        let bytes = serde_json::to_vec(&request).map_or(u64::MAX, |request| request.len() as u64);
        let answer = match &self.payer {
            None => self.claude.ask(&request).await?,
            Some((purse, fix_id)) => {
                // What was read before is told in tokens; what is new has two bytes a token or more.
                let new = bytes.saturating_sub(conversation.spent.latest_bytes) / 2;
                let input_tokens_max = conversation.spent.latest_input_tokens.saturating_add(new);
                purse.ask(&self.claude, &request, input_tokens_max, Expense::Fix, fix_id).await?
            }
        };
        let spent = &mut conversation.spent;
        spent.latest_bytes = bytes;
        spent.calls += 1;
        spent.input_tokens += answer.usage.input_total();
        spent.uncached_input_tokens += answer.usage.uncached_input();
        spent.output_tokens += answer.usage.output_tokens.unwrap_or(0);
        spent.cost_usd += price::cost_usd(self.claude.model(), &answer.usage);
        spent.latest_input_tokens = answer.usage.input_total() + answer.usage.output_tokens.unwrap_or(0);
        Ok(answer)
    }
}

impl<'a> Conversation<'a> {
    fn new(cluster: &'a Cluster, evidence: &'a Evidence, snapshot: &'a Snapshot, budget: &'a Budget) -> Self {
        Self {
            cluster,
            evidence,
            snapshot,
            budget,
            begun: Instant::now(),
            history: Vec::new(),
            hints: evidence.files().map(str::to_owned).collect(),
            spent: Spent::default(),
            nudged: false,
            invalid: 0,
            max_tokens: MAX_TOKENS,
            no_fix: NoFix::Failed,
        }
    }
}

impl Conversation<'_> {
    fn say(&mut self, blocks: &[Value]) -> Result<(), RemedyError> {
        let message = Message::user(blocks).map_err(|error| RemedyError::Unfit(error.to_string()))?;
        self.history.push(message);
        Ok(())
    }

    /// Which bound is met, if one is. Money is reserved before a call is made: what the next answer may cost at most.
    fn bound_met(&self, model: &str) -> Option<String> {
        let Budget { usd_max, calls_max, uncached_input_tokens_max, time_max } = *self.budget;
        let next = price::reserve_usd(model, self.spent.latest_input_tokens, self.max_tokens);
        if self.spent.calls >= calls_max {
            Some(format!("{calls_max} calls of the model"))
        } else if self.spent.cost_usd + next > usd_max {
            Some(format!("${usd_max:.2} for one fix (${:.2} are spent)", self.spent.cost_usd))
        } else if self.spent.uncached_input_tokens >= uncached_input_tokens_max {
            Some(format!("{uncached_input_tokens_max} tokens that were not cached"))
        } else if self.time_left().is_zero() {
            Some(format!("{} minutes", time_max.as_secs() / 60))
        } else {
            None
        }
    }

    fn time_left(&self) -> Duration {
        self.budget.time_max.saturating_sub(self.begun.elapsed())
    }

    /// Takes an answer; `None` where the conversation goes on.
    async fn go_on(&mut self, answer: Answer) -> Result<Option<Verdict>, RemedyError> {
        let failed = |why: &str| Ok(Some(Verdict::Failed(why.to_owned())));
        match answer.stop_reason {
            StopReason::ToolUse => self.run_tools(answer).await,
            StopReason::EndTurn | StopReason::StopSequence if self.nudged => {
                failed("the model ended without submitting a change or declining")
            }
            StopReason::EndTurn | StopReason::StopSequence => {
                self.nudged = true;
                self.keep(answer);
                self.say(&[prompt::nudge()])?;
                Ok(None)
            }
            // A call that was cut is never run: the same history is sent once more, with more room.
            StopReason::MaxTokens if self.max_tokens == MAX_TOKENS => {
                self.max_tokens = MAX_TOKENS_AGAIN;
                Ok(None)
            }
            StopReason::MaxTokens => failed("the model's answer was longer than may be"),
            StopReason::PauseTurn => {
                self.keep(answer);
                Ok(None)
            }
            StopReason::Refusal => {
                self.no_fix = NoFix::Refused;
                let details = answer.stop_details.unwrap_or_default();
                let category = details["category"].as_str().unwrap_or("no category");
                Ok(Some(Verdict::Failed(format!("the model refused ({})", redact::cut(category, 60)))))
            }
            StopReason::ModelContextWindowExceeded => {
                failed("the conversation became too long for the model")
            }
            StopReason::Unknown => failed("the model stopped for a reason that is not known here"),
        }
    }

    fn keep(&mut self, answer: Answer) {
        // The API takes no empty turn.
        if !answer.content.is_empty() {
            self.history.push(Message::assistant(answer.content));
        }
    }

    /// Runs all calls of a turn and answers them in one message. The first ending that holds is the end;
    /// calls that only read are of no matter then.
    async fn run_tools(&mut self, answer: Answer) -> Result<Option<Verdict>, RemedyError> {
        let blocks: Vec<Block> = answer.content.iter().map(|raw| Block::read(raw)).collect();
        self.keep(answer);
        let mut results = Vec::new();
        for block in blocks {
            let Block::ToolUse { id, name, input } = block else { continue };
            let result = match tools::read(&name, &input) {
                Err(fault) => Err(fault),
                Ok(Call::Decline { reason }) => {
                    return Ok(Some(Verdict::Declined(
                        redact::redact(&redact::plain(redact::cut(&reason, 2_000))).into_owned(),
                    )));
                }
                Ok(Call::Submit(submitted)) => match edits::judge(&submitted, self.snapshot).await {
                    Ok(submission) => return Ok(Some(Verdict::Submitted(submission))),
                    Err(JudgeError::GitHub(error)) => return Err(error.into()),
                    Err(JudgeError::Refused(refusal)) => {
                        self.invalid += 1;
                        if self.invalid > INVALID_SUBMISSIONS_MAX {
                            return Err(refusal.into());
                        }
                        Err(format!("the change does not hold and nothing was written: {refusal}"))
                    }
                },
                Ok(reading) => match self.look(reading).await {
                    Ok(text) => Ok(text),
                    Err(SnapshotError::Answer(fault)) => Err(fault),
                    Err(SnapshotError::GitHub(error)) => return Err(error.into()),
                },
            };
            results.push(match result {
                Ok(text) => json!({"type": "tool_result", "tool_use_id": id, "content": text}),
                Err(fault) => {
                    json!({"type": "tool_result", "tool_use_id": id, "content": fault, "is_error": true})
                }
            });
        }
        if results.is_empty() {
            return Ok(Some(Verdict::Failed("the model asked for tools and named none".to_owned())));
        }
        self.say(&results)?;
        Ok(None)
    }

    async fn look(&self, call: Call) -> Result<String, SnapshotError> {
        match call {
            Call::ListFiles { path } => self.snapshot.list_files(&path),
            Call::SearchCode { query, path } => {
                self.snapshot.search_code(&query, path.as_deref(), &self.hints).await
            }
            Call::ReadFile { path, start_line, end_line } => {
                self.snapshot.read_file(&path, start_line, end_line).await
            }
            Call::Submit(_) | Call::Decline { .. } => {
                Err(SnapshotError::Answer("this ends the work".to_owned()))
            }
        }
    }
}

fn broken(error: SnapshotError) -> RemedyError {
    match error {
        SnapshotError::GitHub(error) => error.into(),
        SnapshotError::Answer(why) => RemedyError::Unfit(why),
    }
}

mod again;

pub use again::{Again, Failure};

#[cfg(test)]
mod tests;
