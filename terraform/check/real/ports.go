package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed ports.txt
var ports string

// portsAreOurs holds the rules of all security groups against ports.txt, but those
// of groups called default that AWS made.
func portsAreOurs(ctx context.Context, d *deployment) error {
	var groups struct {
		SecurityGroups []struct{ GroupID, GroupName, VpcID string }
	}
	if err := d.cloud.ask(ctx, &groups, "ec2", "describe-security-groups"); err != nil {
		return err
	}
	names, ours := map[string]string{}, map[string]bool{}
	for _, g := range groups.SecurityGroups {
		names[g.GroupID] = g.GroupName
		ours[g.GroupID] = g.GroupName != "default" || g.VpcID == d.network()
	}
	var answer struct{ SecurityGroupRules []rule }
	if err := d.cloud.ask(ctx, &answer, "ec2", "describe-security-group-rules"); err != nil {
		return err
	}
	var found []string
	for _, r := range answer.SecurityGroupRules {
		if ours[r.GroupID] {
			found = append(found, r.line(names))
		}
	}
	return same(lines(ports), found)
}

// rule is a rule of a security group as AWS tells it.
type rule struct {
	GroupID             string
	IsEgress            bool
	IPProtocol          string
	FromPort, ToPort    int
	CidrIPv4, CidrIPv6  string
	PrefixListID        string
	ReferencedGroupInfo struct{ GroupID string }
}

// line writes the rule as ports.txt has it.
func (r rule) line(names map[string]string) string {
	direction, protocol, port := "in", r.IPProtocol, fmt.Sprint(r.FromPort)
	if r.IsEgress {
		direction = "out"
	}
	if r.FromPort != r.ToPort {
		port = fmt.Sprintf("%d-%d", r.FromPort, r.ToPort)
	}
	if protocol == "-1" {
		protocol, port = "all", "all"
	}
	who := r.CidrIPv4 + r.CidrIPv6 + r.PrefixListID + names[r.ReferencedGroupInfo.GroupID]
	return strings.Join([]string{names[r.GroupID], direction, protocol, port, who}, " ")
}

// lines returns the lines of a text without comments, their fields one space apart.
func lines(text string) (all []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 0 {
			all = append(all, strings.Join(fields, " "))
		}
	}
	return all
}

// same tells what is wanted and not found, and what is found and not wanted.
func same(want, found []string) (err error) {
	for _, line := range want {
		if !slices.Contains(found, line) {
			err = errors.Join(err, fmt.Errorf("missing: %s", line))
		}
	}
	for _, line := range found {
		if !slices.Contains(want, line) {
			err = errors.Join(err, fmt.Errorf("not wanted: %s", line))
		}
	}
	return err
}
