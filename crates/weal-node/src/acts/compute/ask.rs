//! The asker's side: from SQL to the agreement that answers it with the least disclosure.

use std::path::PathBuf;
use std::sync::Arc;

use weal_domain::agreements::{Agreement, AgreementId, Side};
use weal_domain::catalogue::{Mode, ProductRef};
use weal_domain::compute::{Budget, Loss};
use weal_domain::exchange::DataAddress;
use weal_domain::identity::{Act, Person};
use weal_domain::ledger::{Fact, Receipt};
use weal_domain::{Refusal, RefusalKind};
use weal_engine::{Question, RowStream, explained, read_question};
use weal_wire::peer::{AnswerMessage, BudgetLeft, PreviewMessage, QuestionMessage};

use super::budgets::show;
use crate::acts::exchange::{ReceivedFile, acting_role};
use crate::acts::sha256_hex;
use crate::api::{Answered, Ask, BudgetShown};
use crate::fault::{Error, Fault, Result};
use crate::house::House;
use crate::peers::answer_lost;

/// Products that one question may join.
const TABLES_MAX: usize = 16;

/// What a question came to: a finished answer, or rows to stream.
#[derive(Debug)]
pub enum Asked {
    Done(Box<Answered>),
    Rows { rows: RowStream, agreements: Vec<String>, receipts: Vec<Receipt>, files: Vec<ReceivedFile> },
}

/// The agreements under which each table of a question can be used.
enum Plan {
    /// One product, asked privately.
    Private(Box<Agreement>),
    /// Rows of every product, joined here. Own products need no agreement.
    Rows(Vec<(ProductRef, Option<Agreement>)>),
}

impl House {
    /// Asks a question in SQL. A refusal names the members as people know them.
    pub async fn ask(self: &Arc<Self>, by: &Person, ask: &Ask) -> Result<Asked> {
        self.ask_of_members(by, ask).await.map_err(|cause| match cause {
            Error::Refused(refusal) => self.ecosystem().in_titles(refusal).into(),
            fault @ Error::Fault(_) => fault,
        })
    }

    async fn ask_of_members(self: &Arc<Self>, by: &Person, ask: &Ask) -> Result<Asked> {
        let about = explained(&ask.sql).map(|sql| Ask { sql: sql.to_owned(), preview: true, ..ask.clone() });
        let ask = about.as_ref().unwrap_or(ask);
        let question = read_question(&ask.sql)?;
        let (own, others): (Vec<_>, Vec<_>) =
            question.tables.iter().partition(|table| table.member == self.config.node.name);
        if own.is_empty() || !others.is_empty() {
            self.require_act(by, Act::Ask)?;
        }
        if !own.is_empty() {
            self.require_act(by, Act::ReadRows)?;
        }
        match self.choose(&question, ask.agreement.as_deref()).await? {
            Plan::Private(agreement) => {
                Ok(Asked::Done(Box::new(self.ask_privately(by, ask, *agreement).await?)))
            }
            Plan::Rows(tables) if ask.preview => Ok(Asked::Done(Box::new(preview_of_rows(&tables)?))),
            Plan::Rows(tables) => self.ask_for_rows(by, ask, tables).await,
        }
    }

    /// Picks the lowest rung that answers the question.
    async fn choose(&self, question: &Question, wanted: Option<&str>) -> Result<Plan> {
        if question.tables.len() > TABLES_MAX {
            return Err(Refusal::invalid(
                "too-many-tables",
                format!("A question may name up to {TABLES_MAX} products."),
            )
            .into());
        }
        let wanted: Option<AgreementId> = wanted
            .map(str::parse)
            .transpose()
            .map_err(|cause| Refusal::invalid("agreement-id", format!("{cause}")))?;
        let mut tables = Vec::new();
        for table in &question.tables {
            if table.member == self.config.node.name {
                tables.push((table.clone(), None));
                continue;
            }
            let held = self.held(table, wanted.as_ref()).await?;
            let private = held.iter().find(|agreement| agreement.mode == Mode::Statistics);
            if question.aggregates
                && question.tables.len() == 1
                && let Some(agreement) = private
            {
                return Ok(Plan::Private(Box::new(agreement.clone())));
            }
            let rows = held.iter().find(|agreement| agreement.mode == Mode::Extract).cloned();
            match rows {
                Some(agreement) => tables.push((table.clone(), Some(agreement))),
                None => return Err(rows_not_held(table, private, question).into()),
            }
        }
        Ok(Plan::Rows(tables))
    }

    /// The agreements in force with a product's owner about it, lowest rung first.
    async fn held(&self, table: &ProductRef, wanted: Option<&AgreementId>) -> Result<Vec<Agreement>> {
        let now = self.clock.now();
        let mut tx = self.store.read("compute.held").await?;
        let owner = tx.member_by_name(&table.member).await?.ok_or_else(|| {
            Refusal::not_found(
                "member-unknown",
                format!("No member of this ecosystem is called {}.", table.member),
            )
            .remedy("See the members with `weal members`, and products with `weal search WORDS`.")
        })?;
        let all = tx.agreements_with(&owner.did, &table.product).await?;
        let about: Vec<Agreement> = all
            .into_iter()
            .filter(|agreement| {
                agreement.side == Side::Consumer
                    && agreement.provider == owner.did
                    && wanted.is_none_or(|id| *id == agreement.id)
            })
            .collect();
        let (mut held, ended): (Vec<Agreement>, Vec<Agreement>) =
            about.into_iter().partition(|agreement| agreement.in_force(now).is_ok());
        if held.is_empty() {
            // The newest ended one says best why there is none now.
            if let Some(refusal) = ended.first().and_then(|agreement| agreement.in_force(now).err()) {
                return Err(refusal.into());
            }
            return Err(Refusal::forbidden(
                "agreement-missing",
                format!("You hold no agreement about {table}."),
            )
            .remedy(format!("Request one: `weal request {table} --mode statistics --purpose PURPOSE`."))
            .changed_by(format!("the steward of {}", owner.title))
            .into());
        }
        held.sort_by_key(|agreement| agreement.mode);
        Ok(held)
    }

    /// From sending on, a question runs to its end whether the asker still listens or not: the owner may
    /// have charged and sealed it already, and then our ledger holds our half (`GT-2`).
    async fn ask_privately(
        self: &Arc<Self>,
        by: &Person,
        ask: &Ask,
        agreement: Agreement,
    ) -> Result<Answered> {
        let address = self.open_line(&agreement).await?;
        let (house, by, ask) = (Arc::clone(self), by.clone(), ask.clone());
        let sent = tokio::spawn(async move { house.send_question(&by, &ask, &agreement, &address).await });
        sent.await.map_err(|cause| Fault::new("asking a question", cause))?
    }

    async fn send_question(
        &self,
        by: &Person,
        ask: &Ask,
        agreement: &Agreement,
        address: &DataAddress,
    ) -> Result<Answered> {
        let provider = &agreement.provider;
        let role = acting_role(agreement, by);
        let message = QuestionMessage {
            sql: ask.sql.clone(),
            person: self.pseudonym(by),
            role,
            loss: ask.loss,
            preview: ask.preview,
        };
        let authorization = self.authorization_for(provider)?;
        let url = format!("{}/question", address.endpoint);
        let request = self.peers.question(provider, &url, &authorization)?;
        let request = self.over(request, address, by, role).json(&message);
        let reply = self.peers.ask(request, provider).await?;
        reply.check(provider)?;
        if ask.preview {
            let preview: PreviewMessage = reply.accept(provider)?;
            let budget = Some(left_shown(agreement, preview.budget.before, preview.preview.loss));
            return Ok(Answered::Preview {
                agreement: agreement.id.to_string(),
                preview: preview.preview,
                budget,
            });
        }
        let answer = AnswerMessage::parse(&reply.body)
            .map_err(|_| answer_lost(provider, "sent an answer this node cannot read"))?;
        self.take_in(agreement, by, ask, answer).await
    }

    /// Believes an answer only with a receipt that fits and a proof that verifies; then remembers the use.
    async fn take_in(
        &self,
        agreement: &Agreement,
        by: &Person,
        ask: &Ask,
        message: AnswerMessage,
    ) -> Result<Answered> {
        let question = sha256_hex(&ask.sql);
        let answered = sha256_hex(message.answer.text());
        self.check_receipt(agreement, message.receipt.value(), by, Some(&question), Some(&answered))?;
        self.check_proof(&agreement.provider, &message.ledger, message.receipt.value()).await?;
        self.keep_receipt(message.receipt.value(), message.ledger.index).await?;
        let BudgetLeft { before, after } = message.budget;
        let answer = message.answer.into_value();
        Ok(Answered::Statistics {
            agreement: agreement.id.to_string(),
            purpose: agreement.purpose.clone(),
            budget_before: left_shown(agreement, before, answer.loss),
            budget_after: left_shown(agreement, after, answer.loss),
            answer,
            receipt: message.receipt.into_value(),
            provider_index: message.ledger.index,
        })
    }

    async fn ask_for_rows(
        self: &Arc<Self>,
        by: &Person,
        ask: &Ask,
        tables: Vec<(ProductRef, Option<Agreement>)>,
    ) -> Result<Asked> {
        let (mut files, mut sources) = (Vec::new(), Vec::new());
        let (mut receipts, mut agreements) = (Vec::new(), Vec::new());
        for (table, agreement) in tables {
            match agreement {
                Some(agreement) => {
                    let (file, receipt) = self.fetch_rows(&agreement, by).await?;
                    sources.push((table, file.path().to_owned()));
                    files.push(file);
                    receipts.push(receipt);
                    agreements.push(agreement.id.to_string());
                }
                None => sources.push((table.clone(), self.own_file(by, ask, &table).await?)),
            }
        }
        let rows = self.engine.query(&ask.sql, &sources).await?;
        Ok(Asked::Rows { rows, agreements, receipts, files })
    }

    /// Rows of an own product need no agreement and pass no gate; that they were read is sealed all the same,
    /// before the first of them is (`GT-2`).
    async fn own_file(&self, by: &Person, ask: &Ask, table: &ProductRef) -> Result<PathBuf> {
        let role = self.require_act(by, Act::ReadRows)?;
        let mut tx = self.store.write("compute.own").await?;
        let stored = tx.product(&table.product).await?;
        let stored = stored.ok_or_else(|| {
            Refusal::not_found(
                "product-unknown",
                format!("You have not published a product {}.", table.product),
            )
            .remedy("List your own with `weal products`.")
        })?;
        let fact = Fact::OwnRowsRead {
            product: stored.product.name,
            version: stored.product.version,
            question_sha256: sha256_hex(&ask.sql),
        };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(self.folder.path().join(stored.path))
    }
}

/// What an account has left, for people; the owner's totals are the owner's own.
fn left_shown(agreement: &Agreement, left: Loss, price: Loss) -> BudgetShown {
    let granted = agreement.terms.budget.unwrap_or(left);
    let budget = Budget { spent: granted.saturating_sub(left), ..Budget::granted(granted) };
    show(format!("agreement:{}", agreement.id), budget, Some(price))
}

fn preview_of_rows(tables: &[(ProductRef, Option<Agreement>)]) -> Result<Answered> {
    let names: Vec<String> = tables.iter().map(|(table, _)| table.to_string()).collect();
    let preview = weal_domain::compute::Preview {
        loss: Loss::default(),
        columns: Vec::new(),
        half_widths: Vec::new(),
        shown_from: None,
        explanation: vec![
            format!(
                "The rows of {} are fetched as the agreement permits, and the question is answered here.",
                names.join(" and ")
            ),
            "It costs no privacy budget. Each fetch is recorded in both ledgers.".into(),
        ],
        advice: Vec::new(),
        releases: Vec::new(),
    };
    let agreement = tables.iter().find_map(|(_, agreement)| agreement.as_ref());
    let agreement = agreement.map(|agreement| agreement.id.to_string()).unwrap_or_default();
    Ok(Answered::Preview { agreement, preview, budget: None })
}

/// Rows were asked for and are not held: name the rung that would answer.
fn rows_not_held(table: &ProductRef, private: Option<&Agreement>, question: &Question) -> Refusal {
    let refusal = Refusal::new(
        RefusalKind::Forbidden,
        "rows-not-agreed",
        format!("Your agreement about {table} does not let its rows leave the owner's node."),
    )
    .changed_by("the owner's steward");
    match private {
        Some(_) if question.tables.len() > 1 => refusal
            .instead(Mode::Statistics)
            .remedy("Ask about one product at a time, with COUNT, SUM or AVG and GROUP BY."),
        Some(_) => refusal.instead(Mode::Statistics).remedy(
            "Ask with COUNT, SUM or AVG and GROUP BY: your agreement answers that as a private statistic.",
        ),
        None => {
            refusal.remedy(format!("Request rows: `weal request {table} --mode extract --purpose PURPOSE`."))
        }
    }
}
