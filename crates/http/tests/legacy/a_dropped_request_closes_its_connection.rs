use crate::support::{Server, Told, client, get, within};

#[tokio::test]
async fn while_the_server_thinks() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let ask = client.request(get(server.uri("/a")));
    let serve = async {
        let mut peer = server.accept().await;
        peer.request().await;
        peer
    };
    let mut peer = tokio::select! {
        _ = ask => panic!("nothing was answered"),
        peer = within(serve) => peer,
    };
    connector.until_closed(1).await;
    peer.closed().await;
}
