package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRulesReadAsPortsAreWritten(t *testing.T) {
	names := map[string]string{"sg-1": "cim-node", "sg-2": "cim-seed"}
	for text, want := range map[string]string{
		`{"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 11211, "ToPort": 11211, "CidrIpv4": "0.0.0.0/0"}`:                  "cim-node in tcp 11211 0.0.0.0/0",
		`{"GroupId": "sg-1", "IpProtocol": "udp", "FromPort": 7946, "ToPort": 7946, "ReferencedGroupInfo": {"GroupId": "sg-2"}}`: "cim-node in udp 7946 cim-seed",
		`{"GroupId": "sg-2", "IsEgress": true, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "CidrIpv6": "::/0"}`:            "cim-seed out all all ::/0",
		`{"GroupId": "sg-2", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "PrefixListId": "pl-1"}`:                       "cim-seed in tcp 1-65535 pl-1",
	} {
		var r rule
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if got := r.line(names); got != want {
			t.Errorf("%s reads %q, want %q", text, got, want)
		}
	}
}

func TestPortsAreOneToOne(t *testing.T) {
	want := lines("# all\na in tcp 1   b # why\n\na in tcp 2 b\n")
	if err := same(want, []string{"a in tcp 2 b", "a in tcp 1 b"}); err != nil {
		t.Error(err)
	}
	err := same(want, []string{"a in tcp 2 b", "a in tcp 22 0.0.0.0/0"})
	if err == nil || !strings.Contains(err.Error(), "missing: a in tcp 1 b") || !strings.Contains(err.Error(), "not wanted: a in tcp 22 0.0.0.0/0") {
		t.Errorf("got %v", err)
	}
}
