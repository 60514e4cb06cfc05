package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// maxUserData is EC2's limit, in bytes, before base64.
const maxUserData = 16 << 10

// launchTemplate is what a node starts with.
type launchTemplate struct {
	UserData           string
	IamInstanceProfile struct{ Arn string }
}

// template returns the newest of a group of nodes.
func (d *deployment) template(ctx context.Context, group string) (t launchTemplate, err error) {
	var answer struct {
		LaunchTemplateVersions []struct{ LaunchTemplateData launchTemplate }
	}
	err = d.cloud.ask(ctx, &answer, "ec2", "describe-launch-template-versions", "--launch-template-name", group, "--versions", "$Latest")
	if err == nil && len(answer.LaunchTemplateVersions) != 1 {
		err = fmt.Errorf("%s has %d newest templates", group, len(answer.LaunchTemplateVersions))
	}
	if err != nil {
		return t, err
	}
	return answer.LaunchTemplateVersions[0].LaunchTemplateData, nil
}

// scriptsStart asks bash whether it can read the scripts that machines start with, and
// those that they write.
func scriptsStart(ctx context.Context, d *deployment) error {
	scripts, err := d.startScripts(ctx)
	if err != nil {
		return err
	}
	for name, script := range scripts {
		if len(script) > maxUserData {
			err = errors.Join(err, fmt.Errorf("user data of %s has %d bytes of %d", name, len(script), maxUserData))
		}
		err = errors.Join(err, readable(ctx, name, script))
		for path, inner := range written(script) {
			err = errors.Join(err, readable(ctx, name+" "+path, inner))
		}
	}
	for name, script := range scripts {
		if n := len(written(script)); strings.HasPrefix(name, nodeScript) && n != 3 {
			err = errors.Join(err, fmt.Errorf("%s writes %d scripts, want what prepares, names and leaves", name, n))
		}
	}
	return err
}

// readable tells whether bash can read a script. It does not run it.
func readable(ctx context.Context, name, script string) error {
	bash := exec.CommandContext(ctx, "bash", "-n")
	bash.Stdin = strings.NewReader(script)
	if out, err := bash.CombinedOutput(); err != nil {
		return fmt.Errorf("script %s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

var document = regexp.MustCompile(`(?ms)^cat >(\S+) <<'EOF'\n(.*?)^EOF$`)

// documents returns the files that a script writes, by path.
func documents(script string) map[string]string {
	all := map[string]string{}
	for _, match := range document.FindAllStringSubmatch(script, -1) {
		all[match[1]] = match[2]
	}
	return all
}

// written returns the scripts that a script writes, by path.
func written(script string) map[string]string {
	all := documents(script)
	maps.DeleteFunc(all, func(_, text string) bool { return !strings.HasPrefix(text, "#!/bin/bash\n") })
	return all
}

// startScripts returns the user data of everything that starts, by name.
func (d *deployment) startScripts(ctx context.Context) (map[string]string, error) {
	scripts, err := d.userData(ctx)
	if err != nil {
		return nil, err
	}
	for name, encoded := range scripts {
		script, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("user data of %s: %w", name, err)
		}
		scripts[name] = string(script)
	}
	if want := len(d.groups()) + 3; len(scripts) != want {
		return nil, fmt.Errorf("want scripts of %d groups of nodes and of three ZooKeeper servers, found %q", len(d.groups()), slices.Sorted(maps.Keys(scripts)))
	}
	return scripts, nil
}

// nodeScript begins the names of the scripts of nodes; their group's follows.
const nodeScript = "node of "

// userData returns that of the nodes' templates and of ZooKeeper's servers, in base64.
func (d *deployment) userData(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for _, group := range d.groups() {
		template, err := d.template(ctx, group)
		if err != nil {
			return nil, err
		}
		all[nodeScript+group] = template.UserData
	}
	for _, id := range d.state.each("aws_instance", "id") {
		var answer struct{ UserData struct{ Value string } }
		if err := d.cloud.ask(ctx, &answer, "ec2", "describe-instance-attribute", "--attribute", "userData", "--instance-id", id); err != nil {
			return nil, err
		}
		all["zookeeper "+id] = answer.UserData.Value
	}
	return all, nil
}
