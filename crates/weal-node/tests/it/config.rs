//! What a wrong configuration says.

use weal_node::config::{Config, Folder};

const GOOD: &str = "[node]\nname = \"revenue\"\ntitle = \"Revenue\"\nlisten = \"127.0.0.1:7001\"\n\
                    origin = \"https://revenue.example\"\n";

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let node = Folder::new(folder.path());
    std::fs::write(node.config(), text).expect("written");
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(&node, environment).map_err(|cause| cause.to_string())
}

#[track_caller]
fn refused(text: &str, environment: &[(&str, &str)], says: &str) {
    let error = read(text, environment).expect_err("it is refused");
    assert!(error.contains(says), "{error}");
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion() {
    refused(&format!("{GOOD}[network]\nreech = \"public\"\n"), &[], "did you mean `reach`?");
    refused(&format!("{GOOD}[netwrok]\n"), &[], "did you mean `network`?");
    refused(&GOOD.replace("listen", "lisen"), &[], "did you mean `listen`?");
    refused(GOOD, &[("WEAL_NODE_LISEN", "x")], "did you mean `WEAL_NODE_LISTEN`?");
}

#[test]
fn the_environment_wins_over_the_file() {
    let config =
        read(GOOD, &[("WEAL_NODE_LISTEN", "127.0.0.1:9"), ("WEAL_LIMITS_STREAMS_MAX", "3")]).expect("good");
    assert_eq!(config.node.listen.port(), 9);
    assert_eq!(config.limits.streams_max, 3);
    read(GOOD, &[("WEAL_TEST_POSTGRES_URL", "postgres://"), ("WEAL_PASSWORD", "secret")])
        .expect("not ours to read");
}

#[test]
fn proxies_are_a_list_or_a_text_with_commas() {
    let proxies = |text: &str, environment: &[(&str, &str)]| {
        let config = read(text, environment)?;
        Ok::<_, String>(config.network.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let listed = format!("{GOOD}[network]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n");
    assert_eq!(proxies(&listed, &[]).expect("good"), ["127.0.0.1/32", "10.0.0.0/8"]);
    let variable = [("WEAL_NETWORK_TRUSTED_PROXIES", "::1, fd00::/8")];
    assert_eq!(proxies(GOOD, &variable).expect("good"), ["::1/128", "fd00::/8"]);
    assert_eq!(proxies(&listed, &[("WEAL_NETWORK_TRUSTED_PROXIES", "")]).expect("good"), [""; 0]);
    let wrong = format!("{GOOD}[network]\ntrusted_proxies = [\"proxy.example\"]\n");
    refused(&wrong, &[], "`proxy.example` is no address");
    refused(&format!("{GOOD}[limits]\nstall_s_max = 0\n"), &[], "at least 1");
}

#[test]
fn an_origin_that_cannot_be_published_is_refused() {
    refused(&GOOD.replace("https:", "http:"), &[], "must be https");
    refused(&GOOD.replace(".example", ".example/path"), &[], "only scheme, host and port");
    refused(&GOOD.replace("https://", ""), &[], "write scheme, host and port");
    let both = format!("{GOOD}[ecosystem]\ngoverns = true\ngoverning_body = \"did:web:x\"\n");
    refused(&both, &[], "a governing body governs itself");
}

#[test]
fn a_folder_without_a_node_says_how_to_make_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Config::read(&Folder::new(folder.path()), []).expect_err("nothing there");
    assert!(error.to_string().contains("weal init"), "{error}");
}
