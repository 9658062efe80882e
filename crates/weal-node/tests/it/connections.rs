//! How many places one stranger has, and for how long; and what does not keep a node from starting.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weal_testkit::{Federation, GOVERNING, MemberNode};

const OF_ADDRESS_MAX: usize = 64;
const SOON: Duration = Duration::from_secs(30);

async fn connect(node: &MemberNode) -> TcpStream {
    let address = node.origin().trim_start_matches("http://").to_owned();
    TcpStream::connect(address).await.expect("connected")
}

/// What a node answers to these bytes, to the end; nothing where it closed the connection at once.
async fn says(mut stream: TcpStream, bytes: &str) -> String {
    let said = async {
        let sent = stream.write_all(bytes.as_bytes()).await;
        let mut text = Vec::new();
        let read = stream.read_to_end(&mut text).await;
        (sent.is_ok() && read.is_ok()).then(|| String::from_utf8_lossy(&text).into_owned())
    };
    tokio::time::timeout(SOON, said).await.expect("in time").unwrap_or_default()
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";

const LASTING: &str = "GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n";

/// A request whose body is asked for and never comes.
const HALF: &str = "POST /sign-in HTTP/1.1\r\nHost: node\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\n\r\ncsrf=";

/// Connections that were asked this and stay open.
async fn many(node: &MemberNode, count: usize, asked: &str) -> Vec<TcpStream> {
    let mut kept = Vec::new();
    for _ in 0..count {
        let mut stream = connect(node).await;
        stream.write_all(asked.as_bytes()).await.expect("asked");
        let begun = if asked == LASTING { "HTTP/1.1 200" } else { "HTTP/1.1 100" };
        if !asked.is_empty() {
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.expect("answered");
            assert_eq!(String::from_utf8_lossy(&answer), begun);
        }
        kept.push(stream);
    }
    kept
}

/// What this connection has to say until it is closed.
async fn rest(mut stream: TcpStream) -> usize {
    let mut text = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut text)).await.expect("it is closed");
    read.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_client_keeps_and_forgets_make_room_for_its_new_ones() {
    let federation = Federation::of(&[]).await;
    let node = federation.member(GOVERNING);
    for asked in ["", LASTING] {
        let mut kept = many(node, 2 * OF_ADDRESS_MAX, asked).await;
        let answer = says(connect(node).await, HEALTH).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "after connections that asked {asked:?}: {answer}");
        rest(kept.swap_remove(0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_some_of_the_places_and_a_proxy_of_ours_all() {
    let mut federation = Federation::of(&[]).await;
    let node = federation.member_mut(GOVERNING);
    let busy = many(node, 2 * OF_ADDRESS_MAX, HALF).await;
    assert_eq!(says(connect(node).await, HEALTH).await, "", "closed unheard");
    drop(busy);
    let mut answer = String::new();
    for _ in 0..1_500 {
        answer = says(connect(node).await, HEALTH).await;
        if !answer.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "places that were left are free again: {answer}");

    node.stops().await;
    node.config_mut().network.trusted_proxies = vec!["127.0.0.1".parse().expect("a prefix")];
    node.starts().await;
    let busy = many(node, 2 * OF_ADDRESS_MAX, HALF).await;
    assert!(says(connect(node).await, HEALTH).await.starts_with("HTTP/1.1 200"));
    drop(busy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_does_not_arrive_is_not_waited_for() {
    let mut federation = Federation::of(&[]).await;
    let node = federation.member_mut(GOVERNING);
    node.stops().await;
    node.config_mut().limits.stall_s_max = 1;
    node.starts().await;
    let head = "POST /sign-in HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: 100\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\ncsrf=";
    let answer = says(connect(node).await, head).await;
    assert!(answer.contains("took too long to arrive"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_version_that_cannot_be_removed_keeps_no_node_from_starting() {
    let mut federation = Federation::of(&[]).await;
    let node = federation.member_mut(GOVERNING);
    for seat in ["Aston", "Brook"] {
        node.publishes("regions", &format!("region,seat\nnorth,{seat}\n"), Vec::new()).await;
    }
    node.stops().await;
    let former = node.folder.products().join("regions").join("1.parquet");
    std::fs::remove_file(&former).expect("it stands");
    std::fs::create_dir(&former).expect("not even root removes this as a file");
    node.starts().await;
    assert!(says(connect(node).await, HEALTH).await.starts_with("HTTP/1.1 200"));
}
