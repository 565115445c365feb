use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::clock::{Clock, SystemClock};
use crate::gateway::Gateway;
use crate::metrics::CertificateLabels;
use crate::saml::certificates::Watched;

/// How often the log says again that a certificate is about to end.
const AGAIN: Duration = Duration::from_secs(24 * 3600);

/// Shows in metrics when each configured certificate ends, and warns of it every day from a month before.
pub(super) async fn watch(certificates: Vec<Watched>, gateway: Arc<Gateway>) {
    for watched in &certificates {
        let labels = CertificateLabels { setting: watched.key.clone(), file: watched.name.clone() };
        let ends = &gateway.metrics().certificate_ends;
        ends.get_or_create(&labels).set(watched.until.micros() / 1_000_000);
    }
    loop {
        for warning in certificates.iter().filter_map(|w| w.warning(SystemClock.now())) {
            warn!("{warning}");
        }
        tokio::time::sleep(AGAIN).await;
    }
}
