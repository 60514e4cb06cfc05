package main

import (
	"slices"
	"strings"
	"testing"
)

const changed = `{"resource_changes": [
	{"address": "aws_s3_bucket.a", "mode": "managed", "change": {"actions": ["no-op"], "before": {"x": 1}, "after": {"x": 1}}},
	{"address": "data.aws_region.current", "mode": "data", "change": {"actions": ["read"]}},
	{"address": "module.node.aws_lb.seed[\"a\"]", "module_address": "module.node", "mode": "managed",
		"change": {"actions": ["update"], "before": {"x": 1, "y": [1], "z": 3}, "after": {"x": 2, "y": [1], "z": 3}}},
	{"address": "module.node.aws_lb.seed[\"b\"]", "module_address": "module.node", "mode": "managed",
		"change": {"actions": ["update"], "before": {"x": 1, "w": 1}, "after": {"x": 2}, "after_unknown": {"w": true}}},
	{"address": "aws_lambda_alias.live", "mode": "managed",
		"change": {"actions": ["update"], "before": {"v": "1", "l": []}, "after": {"l": []}, "after_unknown": {"v": true, "l": []}}},
	{"address": "aws_autoscaling_group.this", "mode": "managed",
		"change": {"actions": ["update"], "before": {"r": [{"p": null}], "v": 1}, "after": {"r": [{"p": ""}], "v": 2}}},
	{"address": "aws_vpc.this", "mode": "managed", "change": {"actions": ["delete", "create"], "before": {"x": 1}, "after": {"x": 2}}}
]}`

func TestPlanTellsWhatItWouldChange(t *testing.T) {
	p, err := parsePlan(changed)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"aws_autoscaling_group.this v", "aws_lambda_alias.live v", "aws_vpc.this delete+create", "module.node.aws_lb.seed x"}
	if got := p.differs(); !slices.Equal(got, want) {
		t.Errorf("differs %q, want %q", got, want)
	}
	if n := p.made(); n[root] != 1 {
		t.Errorf("makes %v, want one of aws", n)
	}
}

func TestListAllowsWhatItNamesAndNothingElse(t *testing.T) {
	found := []string{"a.b x", "a.c y"}
	for name, test := range map[string]struct{ list, want string }{
		"all of it":           {"# why\na.b x because\na.c   y   because of that\n", ""},
		"one is missing":      {"a.b x because\n", "would change a.c y"},
		"one is not needed":   {"a.b x because\na.c y because\na.d z because\n", "nothing needs the line a.d z"},
		"one has no reason":   {"a.b x\na.c y because\n", "no reason"},
		"a comment is none":   {"a.b x # because\na.c y because\n", "no reason"},
		"another's attribute": {"a.b y because\na.c x because\n", "would change a.b x"},
	} {
		t.Run(name, func(t *testing.T) {
			err := allowed(test.list, found)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
