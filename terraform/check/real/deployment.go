package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/terraform/check/workspace"
)

// root is the configuration that is applied.
const root = "aws"

// deployment is the root applied to the emulated cloud.
type deployment struct {
	work  *workspace.Workspace
	cloud *cloud
	store *process // Redis on this machine: the emulator has none
	state state    // after apply

	chosen map[string]any // values of variables
}

// Resources that a user of aws has before an apply.
const (
	storeName     = "store" // of a security group
	storePassword = "of-the-store-that-was-there-before"
	domain        = "chat.example"
)

// prepare starts the store, makes what a user brings along, and writes the values
// of variables that say so.
func (d *deployment) prepare(ctx context.Context) error {
	if err := d.startStore(ctx); err != nil {
		return err
	}
	var group struct{ GroupID string }
	err1 := d.cloud.ask(ctx, &group, "ec2", "create-security-group", "--group-name", storeName, "--description", "A store that is there already")
	var zone struct{ HostedZone struct{ ID string } }
	err2 := d.cloud.ask(ctx, &zone, "route53", "create-hosted-zone", "--name", domain, "--caller-reference", "1")
	certificate, key, err3 := d.cloud.authority.pair("*." + domain)
	password, err4 := d.secret(ctx, "store", storePassword)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	return d.choose(map[string]any{
		"region": region,
		// The emulator lacks ElastiCache's parameter and user groups, and alarms.
		"existing_redis": map[string]string{
			"url": "rediss://" + d.store.addr, "password_arn": password, "security_group_id": group.GroupID,
		},
		"alarm_topic_arns": nil,
		// This is optional, and off by default.
		"zookeeper": map[string]string{"archive": filepath.Join(d.work.Dir, "zookeeper.tar.gz")},
		"tls":       map[string]string{"domain": domain, "zone_id": strings.TrimPrefix(zone.HostedZone.ID, "/hostedzone/")},
		"certificate_files": map[string]string{
			"certificate": certificate, "key": key,
		},
		// The deployed programs run on this machine.
		"route": map[string]string{"architecture": architecture()},
	})
}

// startStore starts a Redis on this machine that takes connections under TLS only.
func (d *deployment) startStore(ctx context.Context) error {
	certificate, key, err := d.cloud.authority.pair("127.0.0.1")
	if err == nil {
		err = errors.Join(d.work.Write("store.pem", certificate), d.work.Write("store.key", key))
	}
	if err != nil {
		return err
	}
	d.store, err = launch(ctx, d.work.Dir, nil, "redis-server", func(port string) []string {
		return []string{
			"--port", "0", "--tls-port", port, "--bind", "127.0.0.1", "--save", "", "--requirepass", storePassword,
			"--tls-cert-file", "store.pem", "--tls-key-file", "store.key", "--tls-auth-clients", "no",
		}
	})
	return err
}

// architecture is this machine's as AWS calls it.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// secret makes one and returns its ARN.
func (d *deployment) secret(ctx context.Context, name, value string) (string, error) {
	var made struct{ ARN string }
	err := d.cloud.ask(ctx, &made, "secretsmanager", "create-secret", "--name", name, "--secret-string", value)
	return made.ARN, err
}

func (d *deployment) choose(variables map[string]any) error {
	d.chosen = variables
	b, err := json.MarshalIndent(variables, "", "\t")
	if err != nil {
		return err
	}
	return errors.Join(d.work.Write("chosen.tfvars.json", string(b)),
		d.work.Write("zookeeper.tar.gz", "stands for Apache's release\n"))
}

// identify chooses identities, too, and applies that.
func (d *deployment) identify(ctx context.Context) error {
	files := map[string]string{"route-1": "key and certificate of route-1"}
	for _, id := range nodeIDs {
		files[id] = "key and certificate of " + id
	}
	d.chosen["identities"] = map[string]any{"nodes": nodeIDs, "route": "route-1"}
	d.chosen["identity_files"] = files
	if err := d.choose(d.chosen); err != nil {
		return err
	}
	return d.apply(ctx)
}

// nodeIDs are those of the nodes that identify chooses.
var nodeIDs = []string{"node-1", "node-2"}

// identities are the ids that were chosen; none before identify.
func (d *deployment) identities() map[string]string {
	files, _ := d.chosen["identity_files"].(map[string]string)
	return files
}

// groups are the names of the nodes' groups.
func (d *deployment) groups() (names []string) {
	if len(d.identities()) == 0 {
		return []string{"cim"}
	}
	for _, id := range nodeIDs {
		names = append(names, "cim-"+id)
	}
	return names
}

// terraform runs a command of the root with the chosen variables.
func (d *deployment) terraform(ctx context.Context, args ...string) (string, error) {
	options := []string{args[0], "-input=false", "-var-file=../../chosen.tfvars.json"}
	return d.work.Terraform(ctx, root, append(options, args[1:]...)...)
}

// apply plans, keeps the plan beside the state, and applies it.
func (d *deployment) apply(ctx context.Context) (err error) {
	if _, err = d.work.Terraform(ctx, root, "init", "-input=false"); err != nil {
		return err
	}
	if _, err = d.terraform(ctx, "plan", "-out="+firstPlan); err != nil {
		return err
	}
	if _, err = d.terraform(ctx, "apply", firstPlan); err != nil {
		return err
	}
	text, err := os.ReadFile(d.path(stateFile))
	if err != nil {
		return err
	}
	d.state = state{}
	return json.Unmarshal(text, &d.state)
}

const (
	firstPlan  = "first.plan"
	secondPlan = "second.plan"
	stateFile  = "terraform.tfstate"
)

// path of a file that terraform wrote.
func (d *deployment) path(name string) string {
	return filepath.Join(d.work.Dir, "terraform", root, name)
}

// settled holds a second plan against differences.txt.
func (d *deployment) settled(ctx context.Context) error {
	if _, err := d.terraform(ctx, "plan", "-out="+secondPlan); err != nil {
		return err
	}
	text, err := d.work.Terraform(ctx, root, "show", "-json", secondPlan)
	if err != nil {
		return err
	}
	p, err := parsePlan(text)
	if err != nil {
		return err
	}
	return allowed(differences, p.differs())
}

// destroy removes everything, and asks whether it is gone.
func (d *deployment) destroy(ctx context.Context) error {
	if err := d.endServers(ctx); err != nil {
		return err
	}
	if _, err := d.terraform(ctx, "destroy", "-auto-approve"); err != nil {
		return err
	}
	text, err := os.ReadFile(d.path(stateFile))
	if err != nil {
		return err
	}
	var left state
	if err := json.Unmarshal(text, &left); err != nil {
		return err
	}
	if n := len(left.Resources); n != 0 {
		return fmt.Errorf("%d resources are left in the state", n)
	}
	return nil
}

// endServers ends ZooKeeper's servers before everything else, and removes their network
// interfaces: AWS frees the interface of a server that has ended, the emulator keeps it
// attached for ever.
func (d *deployment) endServers(ctx context.Context) error {
	if _, err := d.terraform(ctx, "destroy", "-auto-approve", "-target=module.zookeeper[0].aws_instance.this"); err != nil {
		return err
	}
	for _, id := range d.state.each("aws_network_interface", "id") {
		if err := d.cloud.ask(ctx, nil, "ec2", "delete-network-interface", "--network-interface-id", id); err != nil {
			return err
		}
	}
	return nil
}

// network is the id of the network that was made.
func (d *deployment) network() string { return d.state.one("aws_vpc", "id") }

// Close stops what prepare started.
func (d *deployment) Close() {
	if d.store != nil {
		d.store.Stop()
	}
}

// makeDist fills the workspace's dist as `make dist` does, for what is deployed and for
// this machine.
func makeDist(ctx context.Context, main, dist string) error {
	arches := slices.Compact([]string{"arm64", runtime.GOARCH})
	return command(ctx, main, "go", "run", "./terraform/dist", "-out", dist, "-arch", strings.Join(arches, ","))
}

// makeCIM builds the program that plays Lambda.
func makeCIM(ctx context.Context, main, path string) error {
	return command(ctx, main, "go", "build", "-o", path, "./client/cim")
}

// command runs a command in a folder. Its error has the command's output.
func command(ctx context.Context, dir, name string, args ...string) error {
	begun := time.Now()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s, after %v: %w\n%s", name, strings.Join(args, " "), time.Since(begun).Round(time.Second), err, out)
	}
	return nil
}
