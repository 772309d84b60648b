//! What is written down about requests and connections.

use serde::Serialize;

use super::{Json, Template};

/// The format where none is given, as Envoy has it.
const DEFAULT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% \
                       %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
                       %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \
                       \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

/// A file with a line for each request or connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccessLog {
    /// The file; `/dev/stdout` is the usual one.
    pub path: String,
    /// What a line says.
    pub format: LogFormat,
}

impl AccessLog {
    /// A file in Envoy's default format.
    pub fn at(path: &str) -> Self {
        Self { path: path.to_owned(), format: LogFormat::default() }
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum LogFormat {
    /// Text with operators; it ends its lines itself.
    Text {
        /// The text.
        template: Template,
        /// What is not known is left out; else it is a dash.
        omit_empty: bool,
    },
    /// A JSON object on a line of its own.
    Json {
        /// The object.
        json: Json,
        /// Members of which nothing is known are left out; else they are null.
        omit_empty: bool,
    },
}

impl Default for LogFormat {
    fn default() -> Self {
        let template = Template::parse(DEFAULT).expect("every operator of the default format is known");
        Self::Text { template, omit_empty: false }
    }
}

impl LogFormat {
    /// The names of response fields that it speaks of.
    pub(crate) fn response_fields(&self) -> Vec<&str> {
        match self {
            Self::Text { template, .. } => template.response_fields().collect(),
            Self::Json { json, .. } => json.response_fields(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use names::Timestamp;

    use super::*;
    use crate::format::{Facts, Lookup};

    struct Fields(&'static [(&'static str, &'static str)]);

    impl Lookup for Fields {
        fn each(&self, name: &str, look: &mut dyn FnMut(&[u8])) {
            self.0.iter().filter(|(found, _)| *found == name).for_each(|(_, value)| look(value.as_bytes()));
        }
    }

    const REQUEST: Fields = Fields(&[
        (":method", "GET"),
        (":path", "/b?x=1"),
        ("x-envoy-original-path", "/todos?x=1&y"),
        (":authority", "api:3000"),
        ("user-agent", "curl/8"),
        ("x-request-id", "id"),
        ("content-type", "application/grpc"),
    ]);
    const RESPONSE: Fields = Fields(&[("x-envoy-upstream-service-time", "4"), ("grpc-status", "5")]);

    fn facts() -> Facts<'static> {
        Facts {
            request: Some(&REQUEST),
            response: Some(&RESPONSE),
            start: Timestamp::from_millis(1_460_751_420_310),
            protocol: Some("HTTP/1.1"),
            status: 503,
            flags: &["UF", "URX"],
            received: 5,
            sent: 7,
            duration: Some(Duration::from_micros(12_900)),
            upstream: Some(([10, 0, 0, 9], 80).into()),
            attempts: 2,
            connection: Some(7),
            upstream_local: Some(([10, 0, 0, 1], 40).into()),
            chain: Some("main"),
            trace_id: Some("1-5-a"),
            span_id: Some("53"),
            request_duration: Some(Duration::from_micros(1_100)),
            ..Facts::default()
        }
    }

    fn line(format: &LogFormat, facts: &Facts<'_>) -> String {
        let LogFormat::Text { template, .. } = format else { panic!("{format:?}") };
        let mut line = Vec::new();
        template.write(facts, "-", &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_is_as_envoys() {
        assert_eq!(
            line(&LogFormat::default(), &facts()),
            "[2016-04-15T20:17:00.310Z] \"GET /todos?x=1&y HTTP/1.1\" 503 UF,URX 5 7 12 4 \"-\" \"curl/8\" \"id\" \
             \"api:3000\" \"10.0.0.9:80\"\n"
        );
        let connection = Facts { start: facts().start, sent: 7, ..Facts::default() };
        assert_eq!(
            line(&LogFormat::default(), &connection),
            "[2016-04-15T20:17:00.310Z] \"- - -\" 0 - 0 7 - - \"-\" \"-\" \"-\" \"-\" \"-\"\n"
        );
    }

    #[test]
    fn operators_say_what_envoys_do() {
        for (text, wanted) in [
            ("100%%", "100%"),
            ("%REQ(X-NONE?USER-AGENT):4%|%REQ(none):2%", "curl|-"),
            ("%START_TIME(%s.%3f)%", "1460751420.310"),
            ("%PATH% %PATH(NQ:PATH)% %PATH(NQ)%", "/todos?x=1&y /b /todos"),
            ("%QUERY_PARAM(x)% %QUERY_PARAMS%", "1 x=1&y"),
            ("%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER%", "NotFound NOT_FOUND 5"),
            ("%RESPONSE_FLAGS_LONG%", "UpstreamConnectionFailure,UpstreamRetryLimitExceeded"),
            ("%UPSTREAM_HOST% %UPSTREAM_REMOTE_PORT% %DOWNSTREAM_REMOTE_PORT%", "10.0.0.9:80 80 -"),
            ("%UPSTREAM_REQUEST_ATTEMPT_COUNT% %ROUTE_NAME%", "2 -"),
            (
                "%CONNECTION_ID% %UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
                "7 10.0.0.1:40 10.0.0.1",
            ),
            ("%UPSTREAM_LOCAL_PORT% %DOWNSTREAM_DIRECT_LOCAL_PORT% %FILTER_CHAIN_NAME%", "40 - main"),
            ("%TRACE_ID% %SPAN_ID% %DYNAMIC_METADATA(a:b)% %BYTES_RETRANSMITTED%", "1-5-a 53 - 0"),
            ("%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)% %COMMON_DURATION(DS_RX_END:DS_TX_END:ms)%", "12900 11"),
            ("%COMMON_DURATION(US_RX_BEG:DS_TX_END:ms)% %REQUEST_TX_DURATION%", "- -"),
            ("%DOWNSTREAM_TLS_VERSION% %UPSTREAM_PEER_URI_SAN%", "- -"),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(line(&LogFormat::Text { template, omit_empty: false }, &facts()), wanted, "{text}");
        }
    }

    #[test]
    fn operators_that_are_not_known_are_named() {
        for (text, wanted) in [
            ("%VIRTUAL_HOST_NAME%", "%VIRTUAL_HOST_NAME%"),
            ("%UPSTREAM_CONNECTION_ID%", "%UPSTREAM_CONNECTION_ID% is not supported"),
            ("%UPSTREAM_PEER_SERIAL%", "%UPSTREAM_PEER_SERIAL% is not supported"),
            ("%DOWNSTREAM_TLS_SESSION_ID%", "%DOWNSTREAM_TLS_SESSION_ID% is not supported"),
            ("%COMMON_DURATION(US_CX_BEG:DS_TX_END:ms)%", "US_CX_BEG is not supported"),
            ("%COMMON_DURATION(DS_RX_BEG:DS_TX_END:s)%", "s is not supported"),
            ("%COMMON_DURATION(DS_RX_BEG)%", "two moments"),
            ("%FILTER_STATE(a)%", "%FILTER_STATE(a)%"),
            ("%REQ%", "%REQ% needs an argument"),
            ("%START_TIME(%Q)%", "%Q"),
            ("50% of", "without end"),
            ("%REQ(a):x%", "without end"),
        ] {
            assert!(Template::parse(text).unwrap_err().contains(wanted), "{text}: {:?}", Template::parse(text));
        }
    }

    #[test]
    fn a_member_of_an_object_has_the_type_of_its_operator() {
        let value = serde_json::json!({
            "z": "%RESPONSE_CODE%",
            "a": {"mixed": "x%RESPONSE_CODE%", "list": ["%PROTOCOL%", 1, "%REQ(none)%"], "none": null},
            "missing": "%REQ(none)%",
            "both": "%REQ(none)%-%BYTES_SENT%",
        });
        let json = Json::parse(value).unwrap();
        assert_eq!(
            json.value(&facts(), false).to_string(),
            "{\"a\":{\"list\":[\"HTTP/1.1\",1,null],\"mixed\":\"x503\",\"none\":null},\"both\":\"--7\",\
             \"missing\":null,\"z\":503}"
        );
        assert!(json.value(&facts(), true).get("missing").is_none());
    }
}
