//! `--name value`, and nothing else.

use std::cell::RefCell;
use std::collections::HashMap;
use std::str::FromStr;

pub struct Options {
    values: HashMap<String, String>,
    /// Names that somebody asked for: what is left over is a mistake of the caller.
    asked: RefCell<Vec<&'static str>>,
}

impl Options {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut values = HashMap::new();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").ok_or(format!("Not an option: \"{argument}\""))?;
            let value = arguments.next().ok_or(format!("Option --{name} has no value"))?;
            values.insert(name.to_string(), value);
        }
        Ok(Options { values, asked: RefCell::new(Vec::new()) })
    }

    pub fn text(&self, name: &'static str) -> Option<&str> {
        self.asked.borrow_mut().push(name);
        self.values.get(name).map(String::as_str)
    }

    pub fn required(&self, name: &'static str) -> Result<&str, String> {
        self.text(name).ok_or(format!("Option --{name} is missing"))
    }

    pub fn get<Value: FromStr>(&self, name: &'static str, default: Value) -> Result<Value, String> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("Invalid value \"{text}\" for --{name}")),
        }
    }

    /// To be called once everything has been asked for.
    pub fn refuse_others(&self) -> Result<(), String> {
        match self.values.keys().find(|name| !self.asked.borrow().contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(format!("There is no option --{name}")),
        }
    }
}
