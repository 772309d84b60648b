//! The article, from its first command to its clean-up, with its own files as printed.
//!
//! They lie in `shared/article/as-printed` beside the repository, or where `SERIN_ARTICLE` says; where there are none,
//! `todo.rs` shows the same on examples of our own. Only what the printing broke is mended: continuations that were
//! lost at the ends of lines, `<todo_id>` that was taken for HTML, names and flags that the text itself corrects.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use e2e::{Aws, House, Load, Machine, get, run, wait_until};
use serde_json::Value;

const REGION: &str = "ap-southeast-2";
/// Requests a second while the weights change. The article's gateway and APIs are Flask on its development server, which
/// takes some milliseconds of a processor for each request in each of the two: two processors that do nothing else are
/// just enough.
const RATE: u32 = 200;

struct Article {
    aws: Aws,
    folder: PathBuf,
}

#[test]
fn the_article_runs_as_printed() {
    let Some(printed) = printed() else {
        println!("the article's files are not here; todo.rs shows the same");
        return;
    };
    let machine = Machine::new();
    let house = House::start(&machine);
    let article = Article::prepare(&house, &machine, &printed);
    article.deploy();
    let url = article.url();
    wait_until("the first answer", Duration::from_mins(1), || get(&url).is_ok_and(|answer| answer.status == 200));
    let curl = run(Command::new("curl").args(["-s", "--fail", &url]));
    let body: Value = serde_json::from_str(&curl).expect("curl prints JSON");
    assert_eq!(body, serde_json::json!({"todo": {"task": "build an API"}, "version": "1"}));

    let load = Load::start(&url, RATE);
    article.redeploy_mesh(2, 1);
    unnoticed(load);
    let (one, two) = versions(&url, 300);
    assert!(one.abs_diff(200) <= 1 && two.abs_diff(100) <= 1, "2:1 gave {one} and {two}");
    let load = Load::start(&url, RATE);
    article.redeploy_mesh(0, 1);
    unnoticed(load);
    assert_eq!(versions(&url, 60), (0, 60));

    article.shows_its_map();
    article.clean_up();
    house.stop();
    let left = machine.leftovers();
    assert!(left.is_empty(), "left over: {left:#?}");
}

/// Nobody under `load` saw an error.
fn unnoticed(load: Load) {
    let report = load.stop();
    let (failed, all) = (report.failures.len(), report.total());
    assert!(failed == 0, "{failed} of {all} requests failed, the first: {:?}", report.failures[0]);
}

fn printed() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/article/as-printed");
    let named = std::env::var_os("SERIN_ARTICLE").map(PathBuf::from);
    named.or(Some(beside)).filter(|folder| folder.join("ecs-vpc.yaml").exists())
}

impl Article {
    /// Lays the files out as the article says, mended.
    fn prepare(house: &House, machine: &Machine, printed: &Path) -> Self {
        let folder = machine.folder().join("flask");
        let read = |name: &str| fs::read_to_string(printed.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("files lie in folders")).expect("a folder");
            fs::write(&path, text).expect("a file");
        };
        let script = |name: &str| mend(&read(name));
        for name in ["ecs-vpc.yaml", "app-mesh.yaml", "ecs-services.yaml"] {
            write(name, read(name));
        }
        write("ecs-services-stack.sh", script("ecs-services-stack.sh"));
        write("api/setup-ecr.sh", script("api-setup-ecr.sh"));
        write("api/main.py", include_str!("article/main.py").to_owned());
        write("api-gateway/setup-ecr.sh", script("api-gateway-setup-ecr.sh"));
        write("api-gateway/setup-task-def.sh", script("setup-task-def.sh"));
        write("api-gateway/task-definition-gateway.json", read("task-definition-gateway.json"));
        write("api-gateway/main.py", read("gateway-main.py").replace("'/todos/')", "'/todos/<todo_id>')"));
        // The API's task definitions and their script are "very similar", says the article.
        for (family, version, node) in [("api", "1", "api-vn"), ("api-v2", "2", "api-v2-vn")] {
            let definition = read("task-definition-gateway.json");
            let definition = definition
                .replace("\"family\": \"gateway\"", &format!("\"family\": \"{family}\""))
                .replace("\"API_ENDPOINT\"", "\"API_VERSION\"")
                .replace("\"http://api.flask.sample\"", &format!("\"{version}\""))
                .replace("virtualNode/gateway-vn", &format!("virtualNode/{node}"))
                .replace("\"gateway", &format!("\"{family}"));
            write(&format!("{family}-task/task-definition-gateway.json"), definition);
            let text = script("setup-task-def.sh").replace("flask-gateway", "flask-api");
            write(&format!("{family}-task/setup-task-def.sh"), text);
        }
        let bin = machine.folder().join("bin");
        fs::create_dir_all(&bin).expect("a folder");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/article/docker"), bin.join("docker"))
            .expect("a copy");
        fs::create_dir_all(machine.folder().join("images")).expect("a folder");
        Self { aws: house.aws().in_region(REGION), folder }
    }

    fn command(&self, line: &str) -> String {
        self.command_in(".", line)
    }

    fn command_in(&self, folder: &str, line: &str) -> String {
        let home = self.folder.parent().expect("it lies in the machine's folder");
        let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        self.aws.equip(&mut command);
        command.args(["-c", line]).current_dir(self.folder.join(folder));
        command.env("PATH", path).env("DOCKER_IMAGES", home.join("images"));
        // `--profile` reads its keys and its endpoint from files, as on a user's machine.
        let profile = format!("endpoint_url = http://127.0.0.1:4566\nregion = {REGION}\n");
        fs::write(home.join("aws-config"), format!("[profile flask]\n{profile}")).expect("a file");
        let keys = "[flask]\naws_access_key_id = test\naws_secret_access_key = test\n";
        fs::write(home.join("aws-credentials"), keys).expect("a file");
        run(&mut command)
    }

    fn deploy(&self) {
        let at = format!("--profile flask --region {REGION}");
        self.command(&format!(
            "aws cloudformation create-stack --stack-name flask-sample --template-body file://ecs-vpc.yaml \
             --capabilities CAPABILITY_IAM {at}"
        ));
        self.command(&format!(
            "aws cloudformation create-stack --stack-name flask-app-mesh --template-body file://app-mesh.yaml {at}"
        ));
        for stack in ["flask-sample", "flask-app-mesh"] {
            self.command(&format!("aws cloudformation wait stack-create-complete --stack-name {stack} {at}"));
        }
        for folder in ["api", "api-gateway"] {
            self.command_in(folder, "bash ./setup-ecr.sh");
        }
        for folder in ["api-gateway", "api-task", "api-v2-task"] {
            self.command_in(folder, "bash ./setup-task-def.sh");
        }
        self.command("bash ./ecs-services-stack.sh");
    }

    /// `curl <DNSName>/todos/todo1`, as the article has it from the console.
    fn url(&self) -> String {
        let answer = self.aws.json("elbv2 describe-load-balancers");
        let name = answer["LoadBalancers"][0]["DNSName"].as_str().expect("a load balancer has a name");
        assert!(name.starts_with("flask-Publi-"), "{name}");
        format!("http://{name}/todos/todo1")
    }

    /// Edits the two weights in place and deploys the template again.
    fn redeploy_mesh(&self, v1: u32, v2: u32) {
        let path = self.folder.join("app-mesh.yaml");
        let text = fs::read_to_string(&path).expect("it was written");
        let mut weights = [v1, v2].into_iter();
        let lines = text.lines().map(|line| match line.split_once("Weight: ") {
            Some((indent, _)) => format!("{indent}Weight: {}", weights.next().expect("a route has two weights")),
            None => line.to_owned(),
        });
        fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("a file");
        self.command(&format!(
            "aws cloudformation deploy --stack-name flask-app-mesh --template-file app-mesh.yaml \
             --profile flask --region {REGION}"
        ));
    }

    /// Client, gateway and both versions of the API stand in the service graph.
    fn shows_its_map(&self) {
        wait_until("the map is whole", Duration::from_secs(30), || {
            let now = run(Command::new("date").arg("+%s")).trim().parse::<u64>().expect("a number");
            let line = format!("xray get-service-graph --start-time {} --end-time {}", now - 600, now + 1);
            let graph = self.aws.json(&line);
            let services = graph["Services"].as_array().cloned().unwrap_or_default();
            let named = |name: &str| services.iter().any(|s| s["Name"].as_str() == Some(name));
            let client = services.iter().any(|s| s["Type"] == "client");
            client && ["gateway_todo", "api_1_todo", "api_2_todo"].iter().all(|name| named(name))
        });
    }

    fn clean_up(&self) {
        for stack in ["flask-ecs-service", "flask-app-mesh", "flask-sample"] {
            self.command(&format!(
                "aws cloudformation delete-stack --stack-name {stack} --profile flask --region {REGION}"
            ));
            let wait = format!("aws cloudformation wait stack-delete-complete --stack-name {stack}");
            self.command(&format!("{wait} --profile flask --region {REGION}"));
        }
    }
}

/// Restores what the printing lost: backslashes at the ends of continued lines, and the reader's own profile and region.
fn mend(script: &str) -> String {
    let lines: Vec<&str> = script.lines().collect();
    let continued = |next: Option<&&str>| next.is_some_and(|next| next.starts_with([' ', '-', '|']));
    let mended = lines.iter().enumerate().map(|(index, line)| {
        if !line.is_empty() && continued(lines.get(index + 1)) {
            format!("{} \\", line.trim_end())
        } else {
            (*line).to_owned()
        }
    });
    let text = mended.collect::<Vec<_>>().join("\n");
    text.replace("YOUR_REGION", REGION).replace("YOU_PROFILE", "flask").replace("YOUR_PROFILE", "flask") + "\n"
}

/// Answers by version, of `count` requests one after the other.
fn versions(url: &str, count: usize) -> (usize, usize) {
    let answers: Vec<String> = (0..count).map(|_| get(url).expect("an answer").version().unwrap_or_default()).collect();
    let of = |version: &str| answers.iter().filter(|answer| *answer == version).count();
    (of("1"), of("2"))
}
