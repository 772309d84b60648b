//! Files of requests and connections.

use envoy_types::pb::{
    envoy::{
        config::{
            accesslog::v3::{AccessLog as Proto, access_log},
            core::v3::{
                DataSource, SubstitutionFormatString, data_source::Specifier, substitution_format_string::Format,
            },
        },
        extensions::access_loggers::file::v3::{FileAccessLog, file_access_log::AccessLogFormat},
    },
    google::protobuf::{Struct, value::Kind},
};
use prost::Message as _;

use super::{listeners::type_of, refuse, strict::nothing_else};
use crate::{
    format::{Json, Template},
    model::{AccessLog, LogFormat},
};

/// The largest number that a double has exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

pub(super) fn access_logs(logs: &[Proto]) -> Result<Vec<AccessLog>, String> {
    logs.iter().map(access_log).collect()
}

fn access_log(log: &Proto) -> Result<AccessLog, String> {
    refuse(log.filter.is_none(), "an access log filter")?;
    let Some(access_log::ConfigType::TypedConfig(config)) = &log.config_type else {
        return Err(format!("the access log {} has no configuration", log.name));
    };
    let known = type_of(config) == "envoy.extensions.access_loggers.file.v3.FileAccessLog";
    refuse(known, &format!("the access log {}, which is not a file,", type_of(config)))?;
    let file = FileAccessLog::decode(config.value.as_slice()).map_err(|error| error.to_string())?;
    let format = file.access_log_format.as_ref().map_or_else(|| Ok(LogFormat::default()), format);
    let format = format.map_err(|reason| format!("the access log {}: {reason}", file.path))?;
    Ok(AccessLog { path: file.path, format })
}

#[expect(deprecated, reason = "older control planes send them")]
fn format(proto: &AccessLogFormat) -> Result<LogFormat, String> {
    match proto {
        AccessLogFormat::Format(text) => self::text(text, false),
        AccessLogFormat::JsonFormat(object) | AccessLogFormat::TypedJsonFormat(object) => json(object, false),
        AccessLogFormat::LogFormat(format) => substitution(format),
    }
}

#[expect(deprecated, reason = "older control planes send the plain text")]
fn substitution(proto: &SubstitutionFormatString) -> Result<LogFormat, String> {
    nothing_else(&SubstitutionFormatString {
        format: None,
        omit_empty_values: false,
        // What a file is of it does not say.
        content_type: String::new(),
        // Members are sorted in any case, as Envoy's are.
        json_format_options: None,
        ..proto.clone()
    })?;
    match &proto.format {
        Some(Format::TextFormat(text)) => self::text(text, proto.omit_empty_values),
        Some(Format::JsonFormat(object)) => json(object, proto.omit_empty_values),
        Some(Format::TextFormatSource(DataSource { specifier: Some(Specifier::InlineString(text)), .. })) => {
            self::text(text, proto.omit_empty_values)
        }
        Some(Format::TextFormatSource(_)) => {
            Err("a format that is not inline is not supported by this proxy".to_owned())
        }
        None => Err("a format without text and without object".to_owned()),
    }
}

fn text(text: &str, omit_empty: bool) -> Result<LogFormat, String> {
    // An empty text is the default one.
    if text.is_empty() {
        return Ok(LogFormat::default());
    }
    Ok(LogFormat::Text { template: Template::parse(text)?, omit_empty })
}

fn json(object: &Struct, omit_empty: bool) -> Result<LogFormat, String> {
    Ok(LogFormat::Json { json: Json::parse(value(Some(&Kind::StructValue(object.clone()))))?, omit_empty })
}

fn value(kind: Option<&Kind>) -> serde_json::Value {
    match kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(truth)) => (*truth).into(),
        Some(Kind::StringValue(text)) => text.as_str().into(),
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and not too large")]
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() <= EXACT_MAX => {
            (*number as i64).into()
        }
        Some(Kind::NumberValue(number)) => (*number).into(),
        Some(Kind::ListValue(list)) => list.values.iter().map(|member| value(member.kind.as_ref())).collect(),
        Some(Kind::StructValue(object)) => {
            let members = object.fields.iter().map(|(name, member)| (name.clone(), value(member.kind.as_ref())));
            serde_json::Value::Object(members.collect())
        }
    }
}
