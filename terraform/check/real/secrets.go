package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

func secretsAreSecret(ctx context.Context, d *deployment) error {
	secrets, err := d.secrets(ctx)
	if err != nil {
		return err
	}
	places, err := d.startScripts(ctx)
	if err != nil {
		return err
	}
	for name, script := range places {
		if strings.HasPrefix(name, nodeScript) && !strings.Contains(script, secrets["cim/cluster-key"].arn) {
			return fmt.Errorf("the script of %s does not name the cluster key's secret", name)
		}
	}
	state, err1 := os.ReadFile(d.path(stateFile))
	plan, err2 := unzipped(d.path(firstPlan))
	function, err3 := d.function(ctx)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	places["the state"], places["the plan"] = string(state), plan
	places["the function's environment"] = fmt.Sprint(function.Environment.Variables)
	for where, text := range places {
		for name, secret := range secrets {
			if strings.Contains(text, secret.value) {
				err = errors.Join(err, fmt.Errorf("%s has the value of %s", where, name))
			}
		}
	}
	return err
}

type secret struct {
	arn   string
	value string // without line ends, which other formats write otherwise
}

// secrets returns all that there are, by name.
func (d *deployment) secrets(ctx context.Context) (map[string]secret, error) {
	var list struct {
		SecretList []struct{ ARN, Name string }
	}
	if err := d.cloud.ask(ctx, &list, "secretsmanager", "list-secrets"); err != nil {
		return nil, err
	}
	all := map[string]secret{}
	for _, s := range list.SecretList {
		var answer struct{ SecretString string }
		if err := d.cloud.ask(ctx, &answer, "secretsmanager", "get-secret-value", "--secret-id", s.ARN); err != nil {
			return nil, err
		}
		if len(answer.SecretString) < 16 {
			return nil, fmt.Errorf("%s has only %d characters", s.Name, len(answer.SecretString))
		}
		all[s.Name] = secret{s.ARN, telling(answer.SecretString)}
	}
	if want := 3 + 1 + len(d.identities()) + 1; len(all) != want {
		return nil, fmt.Errorf("want %d secrets of modules/secrets and one that was there, found %q", want-1, slices.Sorted(maps.Keys(all)))
	}
	return all, nil
}

// telling is the longest line of a secret, and of the key if it is a certificate with one.
func telling(value string) (longest string) {
	var pair struct{ Key string }
	if json.Unmarshal([]byte(value), &pair) == nil {
		value = pair.Key
	}
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) > len(longest) {
			longest = line
		}
	}
	return longest
}

// rolesAreApart holds what each role may read of the processes' keys, and whose role each
// node has.
func rolesAreApart(ctx context.Context, d *deployment) error {
	secrets, err := d.secrets(ctx)
	if err != nil {
		return err
	}
	var roles struct{ Roles []struct{ RoleName string } }
	if err := d.cloud.ask(ctx, &roles, "iam", "list-roles"); err != nil {
		return err
	}
	var found []string
	for _, role := range roles.Roles {
		rights, err := d.rightsOf(ctx, role.RoleName)
		if err != nil {
			return err
		}
		for name := range secrets {
			if id, ok := strings.CutPrefix(name, "cim/identity/"); ok && strings.Contains(strings.Join(rights, "\n"), "secret:"+name+"-...") {
				found = append(found, role.RoleName+" reads "+id)
			}
		}
	}
	want := []string{"cim-route reads route-1"}
	for _, id := range nodeIDs {
		want = append(want, "cim-node-"+id+" reads "+id, "cim-"+id+" is one cim-node-"+id)
		group, err := d.groupOfOne(ctx, "cim-"+id)
		if err != nil {
			return err
		}
		found = append(found, group)
	}
	return same(want, found)
}

// groupOfOne tells how many nodes a group has, and their role.
func (d *deployment) groupOfOne(ctx context.Context, name string) (string, error) {
	var groups struct {
		AutoScalingGroups []struct {
			MinSize, MaxSize int
			Instances        []struct{ InstanceID string }
		}
	}
	if err := d.cloud.ask(ctx, &groups, "autoscaling", "describe-auto-scaling-groups", "--auto-scaling-group-names", name); err != nil {
		return "", err
	}
	if g := groups.AutoScalingGroups; len(g) != 1 || g[0].MinSize != 1 || g[0].MaxSize != 1 || len(g[0].Instances) != 1 {
		return fmt.Sprintf("%s is %+v", name, g), nil
	}
	template, err := d.template(ctx, name)
	if err != nil {
		return "", err
	}
	_, profile, _ := strings.Cut(template.IamInstanceProfile.Arn, "instance-profile/")
	return name + " is one " + profile, nil
}
