package main

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestPoliciesReadAsRightsAreWritten(t *testing.T) {
	var p policy
	err := json.Unmarshal([]byte(`{"Statement": [
		{"Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cim/cluster-key-AbC123"},
		{"Effect": "Deny", "Action": "a:*", "Resource": ["*", "arn:aws:s3:::cim-artifacts-20261122/x/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.zip"]}
	]}`), &p)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"r allow a:B arn:aws:secretsmanager:...:secret:cim/cluster-key-...",
		"r allow a:C arn:aws:secretsmanager:...:secret:cim/cluster-key-...",
		"r deny a:* *",
		"r deny a:* arn:aws:s3:::cim-artifacts-.../x/....zip",
	}
	if got := p.lines("r"); !slices.Equal(got, want) {
		t.Errorf("reads %q, want %q", got, want)
	}
}
