//! The service descriptions that `?wsdl` answers with.

use crate::xml::escape_attribute;

/// The address in `wsdl/*.wsdl` that the gateway's own takes the place of.
const ADDRESS: &str = "https://gateway.example/xca";

/// WSDL 1.1 of the responding gateway's ITI-38 port at `endpoint`, its absolute URL.
#[must_use]
pub fn query(endpoint: &str) -> String {
    at(include_str!("../../wsdl/iti38.wsdl"), endpoint)
}

/// WSDL 1.1 of the responding gateway's ITI-39 port at `endpoint`, its absolute URL.
#[must_use]
pub fn retrieve(endpoint: &str) -> String {
    at(include_str!("../../wsdl/iti39.wsdl"), endpoint)
}

fn at(wsdl: &str, endpoint: &str) -> String {
    let mut escaped = String::new();
    escape_attribute(&mut escaped, endpoint);
    wsdl.replace(ADDRESS, &escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::action;
    use crate::xml;

    const SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";

    #[test]
    fn the_address_is_put_in_escaped_and_all_else_stays() {
        for wsdl in [query as fn(&str) -> String, retrieve] {
            let text = wsdl("https://lake.example/a?b=\"1\"&c");
            assert!(!text.contains(ADDRESS) && !text.contains("schemaLocation"));
            let document = xml::parse(&text, xml::Bounds::REQUEST).unwrap();
            let addresses: Vec<_> = document
                .root()
                .descendants()
                .filter(|node| node.has_tag_name((SOAP12, "address")))
                .filter_map(|node| xml::attribute(node, "location"))
                .collect();
            assert_eq!(addresses, ["https://lake.example/a?b=\"1\"&c"]);
        }
    }

    #[test]
    fn operations_and_actions_are_those_of_the_profile() {
        let text = query("https://a");
        assert!(text.contains("RespondingGateway_CrossGatewayQuery\""));
        assert!(text.contains(&format!("\"{}\"", action::QUERY)));
        assert!(text.contains(&format!("\"{}\"", action::QUERY_RESPONSE)));
        let text = retrieve("https://a");
        assert!(text.contains("RespondingGateway_CrossGatewayRetrieve\""));
        assert!(text.contains(&format!("\"{}\"", action::RETRIEVE)));
        assert!(text.contains(&format!("\"{}\"", action::RETRIEVE_RESPONSE)));
    }
}
