package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

//go:embed rights.txt
var rights string

// rightsAreOurs holds the policies of all roles against rights.txt. The emulator does
// not evaluate them: that they are enough only the real AWS can tell.
func rightsAreOurs(ctx context.Context, d *deployment) error {
	var roles struct{ Roles []struct{ RoleName string } }
	if err := d.cloud.ask(ctx, &roles, "iam", "list-roles"); err != nil {
		return err
	}
	var found []string
	for _, role := range roles.Roles {
		lines, err := d.rightsOf(ctx, role.RoleName)
		if err != nil {
			return err
		}
		found = append(found, lines...)
	}
	return same(lines(rights), found)
}

func (d *deployment) rightsOf(ctx context.Context, role string) (found []string, err error) {
	var attached struct{ AttachedPolicies []struct{ PolicyArn string } }
	if err := d.cloud.ask(ctx, &attached, "iam", "list-attached-role-policies", "--role-name", role); err != nil {
		return nil, err
	}
	for _, policy := range attached.AttachedPolicies {
		found = append(found, role+" has "+policy.PolicyArn)
	}
	var names struct{ PolicyNames []string }
	if err := d.cloud.ask(ctx, &names, "iam", "list-role-policies", "--role-name", role); err != nil {
		return nil, err
	}
	for _, name := range names.PolicyNames {
		var answer struct{ PolicyDocument policy }
		if err := d.cloud.ask(ctx, &answer, "iam", "get-role-policy", "--role-name", role, "--policy-name", name); err != nil {
			return nil, err
		}
		found = append(found, answer.PolicyDocument.lines(role)...)
	}
	return found, nil
}

// policy is what a role may do.
type policy struct {
	Statement []struct {
		Effect           string
		Action, Resource words
	}
}

// words are one string, or several.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(string(b), "[") {
		return json.Unmarshal(b, (*[]string)(w))
	}
	*w = make(words, 1)
	return json.Unmarshal(b, &(*w)[0])
}

// lines writes the policy as rights.txt has it.
func (p policy) lines(role string) (all []string) {
	for _, s := range p.Statement {
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				all = append(all, fmt.Sprintf("%s %s %s %s", role, strings.ToLower(s.Effect), action, anonymous(resource)))
			}
		}
	}
	return all
}

// varying is what is another in each deployment: region with account, the names that
// AWS completes, checksums, and ids of zones.
var varying = regexp.MustCompile(`[a-z]+-[a-z]+-\d:\d{12}|(artifacts-)\d+|(secret:[a-z0-9/-]+-)\w{6}$|[0-9a-f]{64}|(hostedzone/)\w+`)

func anonymous(resource string) string {
	return varying.ReplaceAllString(resource, "$1$2$3...")
}
