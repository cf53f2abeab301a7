//! The book's page of the HTTP API, made from `openapi.yaml`.

use capy_test_support::reference::{assert_current, cell};
use serde_json::{Map, Value};

const DESCRIPTION: &str = include_str!("../../openapi.yaml");
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// The description, and the page that is written from it.
struct Page {
    description: Value,
    text: String,
}

#[test]
fn the_reference_of_the_http_api_is_current() {
    let description: Value = serde_saphyr::from_str(DESCRIPTION).unwrap();
    let mut page = Page { description, text: "# HTTP API\n".into() };
    let about = page.description["info"]["description"].as_str().unwrap().trim().to_owned();
    page.line(&format!("\nMade from `worker/openapi.yaml`, which programs can read.\n\n{about}"));
    let bearer = page.description["components"]["securitySchemes"]["token"]["description"].clone();
    page.line(&format!("\nThe bearer token is {}", bearer.as_str().unwrap()));
    page.routes();
    page.schemas();
    assert_current("http-api.md", &page.text);
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn table(&mut self, columns: &[&str]) {
        self.line(&format!("\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len())));
    }

    fn row(&mut self, cells: &[&str]) {
        let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    /// The value that a `$ref` names, else the value itself.
    fn followed(&self, value: &Value) -> Value {
        let Some(target) = value["$ref"].as_str() else { return value.clone() };
        self.description
            .pointer(target.strip_prefix('#').unwrap())
            .unwrap_or_else(|| panic!("{target}"))
            .clone()
    }

    fn routes(&mut self) {
        for (path, route) in fields(&self.description["paths"]) {
            for method in METHODS {
                if let Some(operation) = route.get(method) {
                    self.operation(&path, &method.to_uppercase(), &route, operation);
                }
            }
        }
    }

    fn operation(&mut self, path: &str, method: &str, route: &Value, operation: &Value) {
        self.line(&format!("\n## `{method} {path}`"));
        self.line(operation["summary"].as_str().unwrap());
        if let Some(description) = operation["description"].as_str() {
            self.line(&format!("\n{}", description.trim()));
        }
        let needs_none = operation["security"].as_array().is_some_and(Vec::is_empty);
        self.line(&format!("\nBearer token: {}.", if needs_none { "none" } else { "required" }));
        let parameters = list(&route["parameters"]).chain(list(&operation["parameters"]));
        let parameters: Vec<_> = parameters.map(|parameter| self.followed(&parameter)).collect();
        if !parameters.is_empty() {
            self.table(&["parameter", "in", "what"]);
        }
        for parameter in parameters {
            let description =
                parameter["description"].as_str().map(|text| format!("; {text}")).unwrap_or_default();
            let name = format!("`{}`", parameter["name"].as_str().unwrap());
            let what = kind(&parameter["schema"]) + &description;
            self.row(&[&name, parameter["in"].as_str().unwrap(), &what]);
        }
        if let Some(body) = operation.get("requestBody") {
            let schema = self.followed(body)["content"]["application/json"]["schema"].clone();
            match schema.get("properties") {
                None => self.line(&format!("\nBody: {}.", kind(&schema))),
                Some(_) => {
                    self.line("\nBody:");
                    self.properties(&schema);
                }
            }
        }
        self.table(&["answer", "what", "body"]);
        for (status, answer) in fields(&operation["responses"]) {
            let answer = self.followed(&answer);
            let status = if status == "default" { "any other".to_owned() } else { status };
            let body = kind(&answer["content"]["application/json"]["schema"]);
            self.row(&[&status, answer["description"].as_str().unwrap(), &body]);
        }
    }

    fn properties(&mut self, schema: &Value) {
        let required: Vec<_> = list(&schema["required"]).collect();
        self.table(&["field", "type", "required"]);
        for (name, property) in fields(&schema["properties"]) {
            let is_required = required.iter().any(|field| *field == name);
            let description =
                property["description"].as_str().map(|text| format!("; {text}")).unwrap_or_default();
            let what = kind(&property) + &description;
            self.row(&[&format!("`{name}`"), &what, if is_required { "yes" } else { "no" }]);
        }
    }

    fn schemas(&mut self) {
        self.line("\n## Types");
        for (name, schema) in fields(&self.description["components"]["schemas"]) {
            self.line(&format!("\n### {name}"));
            if let Some(description) = schema["description"].as_str() {
                self.line(&format!("{}\n", description.trim()));
            }
            match schema.get("properties") {
                None => self.line(&format!("{}.", capital(&kind(&schema)))),
                Some(_) => self.properties(&schema),
            }
        }
    }
}

/// The fields of an object, sorted by name.
fn fields(object: &Value) -> Vec<(String, Value)> {
    let none = Map::new();
    let fields = object.as_object().unwrap_or(&none).iter();
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn list(array: &Value) -> impl Iterator<Item = Value> + use<> {
    array.as_array().cloned().unwrap_or_default().into_iter()
}

/// A schema in words.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{}`", plain(constant));
    }
    if schema.get("enum").is_some() {
        let values: Vec<_> = list(&schema["enum"]).map(|value| format!("`{}`", plain(&value))).collect();
        return format!("one of {}", values.join(", ")) + &limits(schema);
    }
    for several in ["oneOf", "anyOf"] {
        if schema.get(several).is_some() {
            return list(&schema[several]).map(|schema| kind(&schema)).collect::<Vec<_>>().join(" or ");
        }
    }
    if schema["type"] == "array" {
        return format!("list of: {}", kind(&schema["items"])) + &limits(schema);
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(plain).collect::<Vec<_>>().join(" or "),
        Value::Null => "anything".into(),
        one => plain(one),
    };
    types + &limits(schema)
}

/// The limits of a schema, each behind a comma.
fn limits(schema: &Value) -> String {
    let known = [
        ("pattern", "like"),
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "least characters"),
        ("maxLength", "most characters"),
        ("minItems", "least entries"),
        ("maxItems", "most entries"),
        ("default", "default"),
    ];
    let limits =
        known.iter().filter_map(|(name, word)| Some(format!(", {word} `{}`", plain(schema.get(name)?))));
    limits.collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
