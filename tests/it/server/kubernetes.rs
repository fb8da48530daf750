//! contrib/kubernetes: the API server accepts it, and the program accepts its flags and file.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::load::Client;
use crate::support::{Server, program, repository_file};
use serde::Deserialize as _;
use serde_yaml::Value;

fn manifests() -> PathBuf {
    repository_file("contrib/kubernetes/govanityurls.yaml")
}

/// Returns the object of a kind.
fn object(kind: &str) -> Value {
    let text = fs::read_to_string(manifests()).unwrap();
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .find(|object| object["kind"] == kind)
        .unwrap()
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_sequence().unwrap().iter();
    list.map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn get(addr: SocketAddr, target: &str) -> u16 {
    let mut client = Client::connect(addr).unwrap();
    client.get(target, "close").unwrap().status
}

#[test]
fn deployment_answers_probes_and_ingress() {
    let deployment = object("Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let mounted = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let data = object("ConfigMap")["data"].clone();
    for (name, text) in data.as_mapping().unwrap() {
        let path = directory.path().join(name.as_str().unwrap());
        fs::write(path, text.as_str().unwrap()).unwrap();
    }
    let mut command = program();
    for argument in strings(&container["args"]) {
        let argument = argument
            .replace(mounted, directory.path().to_str().unwrap())
            .replace("0.0.0.0:8080", "127.0.0.1:0")
            .replace("0.0.0.0:9090", "127.0.0.1:0");
        command.arg(argument);
    }
    let server = Server::spawn(command);
    let addr = |log: &[String], text: &str| {
        let line = log.iter().find(|line| line.contains(text)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let admin = addr(&server.log, "admin endpoints on");
    for probe in ["readinessProbe", "livenessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert_eq!(get(admin, path), 200, "{path}");
    }

    let file: Value = serde_yaml::from_str(data["vanity.yaml"].as_str().unwrap()).unwrap();
    let rule = object("Ingress")["spec"]["rules"][0].clone();
    assert_eq!(rule["host"], file["host"]);
    let paths = rule["http"]["paths"].as_sequence().unwrap();
    let paths: Vec<_> = paths.iter().map(|p| p["path"].as_str().unwrap()).collect();
    let keys = file.as_mapping().unwrap().keys();
    for module in keys
        .filter_map(Value::as_str)
        .filter(|k| k.starts_with('/'))
    {
        assert_eq!(server.get(module).status, 200);
        let below = |path: &&str| format!("{module}/").starts_with(&format!("{path}/"));
        assert!(
            paths.iter().any(below),
            "no path of the Ingress has {module}"
        );
    }
}

#[test]
#[ignore = "needs kubernetes-validate; tests/run runs it"]
fn objects_match_the_official_schemas() {
    let output = Command::new("python3")
        .args(["-m", "kubernetes_validate", "--strict"])
        .arg(manifests())
        .env("PYTHONPATH", std::env::var_os("TEST_PYTHONPATH").unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
