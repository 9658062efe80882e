//! `weal person`

use weal_domain::identity::{AccountName, Person, Role};
use weal_node::api::{AddPerson, SetPassword, SetRoles};

use super::init::password;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;

/// The persons of this node: list them, add one, change what they may do, end their access.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal person add ada --display-name \"Ada Lind\" --role analyst")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Add a person; the password is asked for, or stands in WEAL_PASSWORD.
    #[command(after_help = "Example: weal person add ada --display-name \"Ada Lind\" --role analyst")]
    Add(AddArgs),
    /// List the persons.
    #[command(after_help = "Example: weal person list")]
    List,
    /// Give a person these roles and no others.
    #[command(after_help = "Example: weal person roles ada --role auditor")]
    Roles(RolesArgs),
    /// Give a person a new password and sign them out everywhere; it is asked for, or stands in WEAL_PASSWORD.
    #[command(after_help = "Example: weal person password ada")]
    Password(AccountArgs),
    /// Sign a person out everywhere.
    #[command(after_help = "Example: weal person sign-out ada")]
    SignOut(AccountArgs),
    /// Remove a person with their password, sessions and tokens. What they did stays in the ledger.
    #[command(after_help = "Example: weal person remove ada")]
    Remove(AccountArgs),
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// The name to sign in with. It never leaves this node.
    account: AccountName,
    /// The name as others see it; the account name by default.
    #[arg(long)]
    display_name: Option<String>,
    /// What they may do: owner, steward, analyst, data_protection_officer, chief_data_officer, ombudsman,
    /// operator or auditor. May be repeated.
    #[arg(long, required = true, value_parser = role)]
    role: Vec<Role>,
}

#[derive(Debug, clap::Args)]
struct RolesArgs {
    /// The name the person signs in with.
    account: AccountName,
    /// A role the person has from now on. May be repeated.
    #[arg(long, required = true, value_parser = role)]
    role: Vec<Role>,
}

#[derive(Debug, clap::Args)]
struct AccountArgs {
    /// The name the person signs in with.
    account: AccountName,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    match args.what {
        What::Add(args) => {
            let body = AddPerson {
                display_name: args.display_name.unwrap_or_else(|| args.account.to_string()),
                password: password(&args.account)?,
                account: args.account,
                roles: args.role,
            };
            let person: Person = client.post("/persons", &body, "adding a person").await?;
            let roles = roles(&person);
            setting.terminal.answer(&person, || format!("Added {} ({roles}).", person.display_name));
        }
        What::List => {
            let persons: Vec<Person> = client.get("/persons", "listing the persons").await?;
            setting.terminal.answer(&persons, || {
                let mut table = Table::new(&["account", "name", "roles"]);
                for person in &persons {
                    table.row([person.account.as_str(), &person.display_name, &roles(person)]);
                }
                table.to_string()
            });
        }
        What::Roles(RolesArgs { account, role }) => {
            let body = SetRoles { roles: role };
            let path = format!("/persons/{account}/roles");
            let person: Person = client.put(&path, &body, "changing a person's roles").await?;
            let roles = roles(&person);
            setting.terminal.answer(&person, || format!("{} is now {roles}.", person.display_name));
        }
        What::Password(AccountArgs { account }) => {
            let current = std::env::var("WEAL_PASSWORD_CURRENT").ok();
            let body = SetPassword { password: password(&account)?, current };
            let path = format!("/persons/{account}/password");
            client.put_quietly(&path, &body, "changing a password").await?;
            setting.terminal.answer(&account, || {
                format!("Changed the password of {account}, who is signed out everywhere.")
            });
        }
        What::SignOut(AccountArgs { account }) => {
            client.delete(&format!("/persons/{account}/sessions"), "signing a person out").await?;
            setting.terminal.answer(&account, || format!("Signed {account} out everywhere."));
        }
        What::Remove(AccountArgs { account }) => {
            client.delete(&format!("/persons/{account}"), "removing a person").await?;
            setting.terminal.answer(&account, || format!("Removed {account}."));
        }
    }
    Ok(Exit::Ok)
}

fn roles(person: &Person) -> String {
    person.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

/// Dashes do as well as underscores.
pub(super) fn role(given: &str) -> Result<Role, String> {
    let name = given.replace('-', "_");
    Role::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| {
        let all: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("there is no role `{given}`; the roles are {}", all.join(", "))
    })
}
