package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A claim is something that must hold of what was applied. It is asked of AWS, and
// not of terraform.
type claim struct {
	says  string
	holds func(ctx context.Context, d *deployment) error
}

var claims = []claim{
	{"security groups let through what ports.txt says, and nothing else", portsAreOurs},
	{"roles may do what rights.txt says, and nothing else", rightsAreOurs},
	{"scripts that machines start with and write are bash, and small enough", scriptsStart},
	{"no secret is in state, plan, user data, or the function's configuration", secretsAreSecret},
	{"the artifacts are those of make dist, in a bucket that is not public", artifactsArePrivate},
	{"an instance that the group takes away has time to drain", instancesDrain},
	{"balancer and group ask whether a node lives, not whether it is ready", livenessDecides},
	{"the HTTP API leads to the function's alias, which is the published zip", apiLeadsToFunction},
	{"the function calls nodes and the store under TLS", functionCallsUnderTLS},
	{"that zip runs, reads its secrets, and keeps an account in the store", functionServes},
	{"a node starts from its script, by names of its own, and takes nothing without TLS", nodeStarts},
}

// identified must hold once each process has a key of its own.
var identified = []claim{
	{"each node has a group and a role, which reads the node's own key and no other", rolesAreApart},
	{"no key of a process is in state, plan, user data, or the function's configuration", secretsAreSecret},
}

// unzipped returns all that a zip has, one after the other.
func unzipped(path string) (string, error) {
	r, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var all bytes.Buffer
	for _, f := range r.File {
		file, err := f.Open()
		if err != nil {
			return "", err
		}
		_, err = io.Copy(&all, file)
		file.Close()
		if err != nil {
			return "", err
		}
	}
	return all.String(), nil
}

func artifactsArePrivate(ctx context.Context, d *deployment) error {
	bucket := d.state.one("aws_s3_bucket", "id")
	var block struct{ PublicAccessBlockConfiguration map[string]bool }
	if err := d.cloud.ask(ctx, &block, "s3api", "get-public-access-block", "--bucket", bucket); err != nil {
		return err
	}
	for _, name := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
		if !block.PublicAccessBlockConfiguration[name] {
			return fmt.Errorf("%s is off", name)
		}
	}
	want, err := os.ReadFile(filepath.Join(d.work.Dir, "dist/cim-server_linux_arm64.zip"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(want)
	got := filepath.Join(d.work.Dir, "server.zip")
	if err := d.cloud.ask(ctx, nil, "s3api", "get-object", "--bucket", bucket, "--key", "cim-server/"+hex.EncodeToString(sum[:])+".zip", got); err != nil {
		return err
	}
	if b, err := os.ReadFile(got); err != nil || !bytes.Equal(b, want) {
		return fmt.Errorf("the bucket has another cim-server than dist (%v)", err)
	}
	return nil
}

func instancesDrain(ctx context.Context, d *deployment) error {
	var hooks struct {
		LifecycleHooks []struct {
			LifecycleTransition, DefaultResult string
			HeartbeatTimeout                   int
		}
	}
	if err := d.cloud.ask(ctx, &hooks, "autoscaling", "describe-lifecycle-hooks", "--auto-scaling-group-name", "cim"); err != nil {
		return err
	}
	// 300 is nodes.drain_timeout's default.
	if n := len(hooks.LifecycleHooks); n != 1 || hooks.LifecycleHooks[0].LifecycleTransition != "autoscaling:EC2_INSTANCE_TERMINATING" ||
		hooks.LifecycleHooks[0].HeartbeatTimeout <= 300 || hooks.LifecycleHooks[0].DefaultResult != "CONTINUE" {
		return fmt.Errorf("want one hook on termination with more than 300 s, found %+v", hooks.LifecycleHooks)
	}
	return nil
}

func livenessDecides(ctx context.Context, d *deployment) error {
	var targets struct {
		TargetGroups []struct{ TargetGroupName, HealthCheckProtocol, HealthCheckPath, HealthCheckPort string }
	}
	if err := d.cloud.ask(ctx, &targets, "elbv2", "describe-target-groups"); err != nil {
		return err
	}
	if len(targets.TargetGroups) != 2 {
		return fmt.Errorf("want two target groups, found %+v", targets.TargetGroups)
	}
	for _, group := range targets.TargetGroups {
		if group.HealthCheckProtocol != "HTTPS" || group.HealthCheckPath != "/healthz" || group.HealthCheckPort != "8081" {
			return fmt.Errorf("target group asks %+v", group)
		}
	}
	var groups struct {
		AutoScalingGroups []struct {
			HealthCheckType string
			TargetGroupARNs []string
			Instances       []struct{ InstanceID string }
		}
	}
	if err := d.cloud.ask(ctx, &groups, "autoscaling", "describe-auto-scaling-groups"); err != nil {
		return err
	}
	// Three is nodes.min's default.
	if g := groups.AutoScalingGroups; len(g) != 1 || g[0].HealthCheckType != "ELB" || len(g[0].TargetGroupARNs) != 2 || len(g[0].Instances) != 3 {
		return fmt.Errorf("want one group of three instances in two target groups, found %+v", g)
	}
	return nil
}
