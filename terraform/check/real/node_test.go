package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// awsAnswers stands for AWS' command line: a secret is the file of its name, and each
// change of a zone is noted.
const awsAnswers = `#!/bin/bash
case "$1 $2" in
"secretsmanager get-secret-value") cat "$SECRETS/$4" ;;
"route53 change-resource-record-sets") echo "${!#}" >>"$SECRETS/changes"; echo /change/1 ;;
"route53 get-change") echo INSYNC ;;
*) exit 1 ;;
esac
`

// TestNodeStartsFromItsScript has bash run the script of the template, with what AWS would
// answer, and starts a real node with what the script wrote.
func TestNodeStartsFromItsScript(t *testing.T) {
	a, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	certificate, key, err := a.pair("*." + domain)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := json.Marshal(map[string]string{"certificate": certificate, "key": key})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(secrets, "cluster-key"), strings.Repeat("k", 48)+"\n")
	write(t, filepath.Join(secrets, "certificate"), string(pair)+"\n")
	write(t, filepath.Join(secrets, "aws"), awsAnswers)

	m := machine{dir: t.TempDir(), env: append(os.Environ(), "SECRETS="+secrets, "PATH="+secrets+":"+os.Getenv("PATH"))}
	if err := m.install(rendered(t)); err != nil {
		t.Fatal(err)
	}
	if err := m.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(m.dir, "cim-server")
	if out, err := exec.Command("go", "build", "-C", mainTree+"/..", "-o", program, "./node/cim-server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := m.start(t.Context(), program, a.PEM()); err != nil {
		t.Error(err)
	}
	changes, err := os.ReadFile(filepath.Join(secrets, "changes"))
	if err != nil {
		t.Fatal(err)
	}
	if names := names(t, changes); !slices.Equal(names, []string{outside, inside}) {
		t.Errorf("the node is called %q in the zone, want %q and %q", names, outside, inside)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// rendered is the script of a node under TLS.
func rendered(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../modules/node/start.sh.tftpl")
	if err != nil {
		t.Fatal(err)
	}
	values, err := json.Marshal(map[string]any{
		"artifact": map[string]string{"bucket": "b", "key": "k", "sha256": "0"},
		"auth":     "password", "capacity": 1000, "cluster": "cim", "cluster_key_arn": "cluster-key", "drain_timeout": 30,
		"find": "-expect 2", "hook": "cim-drain", "id": "", "identity_arn": nil,
		"internal": map[string]any{"port": 8081, "profiles": false}, "log_group": "/cim/cim/node", "name": "cim", "region": region,
		"route_url": "https://route.example", "seed": "seed.example:7946", "zookeeper": "",
		"tls": map[string]any{"domain": domain, "zone_id": "Z1", "secret_arn": "certificate", "plain_clients": false},
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("terraform", "console", "-no-color")
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1")
	cmd.Stdin = strings.NewReader(`base64encode(templatefile("` + path + `", ` + string(values) + `))`)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := base64.StdEncoding.DecodeString(strings.Trim(string(out), "\"\n"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(text)
}

// names are those that a batch of changes makes.
func names(t *testing.T, batch []byte) (all []string) {
	t.Helper()
	var b struct {
		Changes []struct{ ResourceRecordSet struct{ Name string } }
	}
	if err := json.Unmarshal(batch, &b); err != nil {
		t.Fatalf("%v\n%s", err, batch)
	}
	for _, c := range b.Changes {
		all = append(all, c.ResourceRecordSet.Name)
	}
	return all
}
