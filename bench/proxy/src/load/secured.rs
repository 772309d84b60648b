//! TLS toward a proxy; and handshakes, each whole and for one request.

use std::{cell::RefCell, fs, net::Ipv4Addr, rc::Rc, sync::Arc, time::Instant};

use anyhow::{Context as _, Result};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::{LocalSet, spawn_local},
};
use tokio_rustls::TlsConnector;

use super::{Outcome, Samples, Window, Work, http1};

/// What a proxy's certificate is for.
pub(super) fn name() -> Result<ServerName<'static>> {
    Ok(ServerName::try_from("todo.example")?)
}

/// How connections to a proxy are secured: nothing is taken up again, so that every handshake is a whole one.
pub(super) fn connector(work: &Work, protocol: &[u8]) -> Result<TlsConnector> {
    let path = work.certificate.as_ref().context("TLS without a certificate to believe")?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(path)?)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Does the work: as many connections at once as are asked for, each new, for one request.
pub(super) fn handshakes(work: &Work) -> Result<Outcome> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let shared = Rc::new(RefCell::new((Window::new(work), Samples::default())));
        let connector = connector(work, b"http/1.1")?;
        let asking: Vec<_> = (0..work.connections)
            .map(|_| spawn_local(ask(connector.clone(), work.clone(), Rc::clone(&shared))))
            .collect();
        for one in asking {
            one.await??;
        }
        let (window, samples) = &mut *shared.borrow_mut();
        window.outcome(samples, 0)
    })
}

async fn ask(connector: TlsConnector, work: Work, shared: Rc<RefCell<(Window, Samples)>>) -> Result<()> {
    let request = http1::request(work.size);
    loop {
        let since = Instant::now();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, work.port)).await.context("no proxy")?;
        stream.set_nodelay(true)?;
        let mut stream = connector.connect(name()?, stream).await.context("no TLS")?;
        stream.write_all(&request).await?;
        let (mut text, mut piece) = (Vec::new(), [0; 4096]);
        while !http1::is_whole(&text)? {
            let length = stream.read(&mut piece).await?;
            anyhow::ensure!(length > 0, "half an answer");
            text.extend_from_slice(&piece[..length]);
        }
        let now = Instant::now();
        let (window, samples) = &mut *shared.borrow_mut();
        match window.counts(now)? {
            None => return Ok(()),
            Some(true) => samples.add(now - since),
            Some(false) => {}
        }
    }
}
