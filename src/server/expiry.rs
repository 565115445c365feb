use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::clock::{Clock, SystemClock};
use crate::gateway::Gateway;
use crate::metrics::CertificateLabels;
use crate::saml::certificates::{Watched, Watchlist};

/// How often the list is looked at: a reload may have changed it.
const LOOK: Duration = Duration::from_secs(60);
/// After how many looks the log says again that a certificate is about to end: a day.
const AGAIN: u32 = 24 * 60;

/// Shows in metrics when each configured certificate ends, and warns of it every day from a month before; has what was
/// turned away recorded, too.
pub(super) async fn watch(list: Watchlist, gateway: Arc<Gateway>) {
    let mut shown: Vec<Watched> = Vec::new();
    // a list may be due between two days' warnings
    let mut warned: Vec<Watched> = Vec::new();
    for look in (0_u32..AGAIN).cycle() {
        let watched = list.now();
        if watched != shown {
            show(&watched, &gateway);
            shown = watched;
        }
        if look == 0 {
            warned.clear();
        }
        warned.retain(|one| shown.contains(one));
        for one in &shown {
            let warning = one.warning(SystemClock.now()).filter(|_| !warned.contains(one));
            if let Some(warning) = warning {
                warn!("{warning}");
                warned.push(one.clone());
            }
        }
        gateway.report_turned_away(false).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Shows these and no others: of one setting and file, the first that ends.
fn show(watched: &[Watched], gateway: &Gateway) {
    let ends = &gateway.metrics().certificate_ends;
    ends.clear();
    for one in watched {
        let labels = CertificateLabels { setting: one.key.clone(), file: one.name.clone() };
        let until = one.until.micros() / 1_000_000;
        let gauge = ends.get_or_create(&labels);
        let known = gauge.get();
        gauge.set(if known == 0 { until } else { known.min(until) });
    }
}
