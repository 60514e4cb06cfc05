package op

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/cim-go/cim/routefn/record/storetest"
)

// If the store's user lacks rights, the error at the start names the commands.
func TestRefusedRightsAreNamedAtTheStart(t *testing.T) {
	server := spawned(t)
	c := storetest.Client(t, server.Addr())
	dialAs := func(rules string) error {
		args := []any{"acl", "setuser", "cim", "reset", "on", ">secret"}
		for rule := range strings.FieldsSeq(rules) {
			args = append(args, rule)
		}
		if err := c.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
		d, err := Dial(t.Context(), at("redis://cim:secret@"+server.Addr()))
		if err == nil {
			err = d.Close()
		}
		return err
	}
	for rules, names := range map[string][]string{
		"~cim:* +@all -@dangerous": {"INFO"},
		"~cim:* +@all -@scripting": {"EVAL", "EVALSHA"},
		"~cim:* +@all -multi":      {"multi"},
		"~cim:* +@all -exec":       {"exec"},
		"~cim:* +@all -discard":    {"DISCARD"},
		"~cim:* +@all -hset -lset": {"HSET", "LSET"},
		"~cim:* +@all -@write":     {"RPUSHX", "HDEL", "ZADD"},
		"~cim:* +@all -time":       {"TIME"},
		"~cim:* +@all -mget -scan": {"MGET", "SCAN"},
		"~other:* +@all":           {"GET", "key"},
		"~cim:* +@all -ping":       {"ping"},
	} {
		err := dialAs(rules)
		if !errors.Is(err, ErrUnfit) {
			t.Errorf("%s: %v, want ErrUnfit", rules, err)
			continue
		}
		for _, name := range names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v, want %s named", rules, err, name)
			}
		}
	}
	var list strings.Builder
	for _, command := range needed {
		list.WriteString(" +" + command[0].(string))
	}
	for _, rules := range []string{"~cim:* +@all -@dangerous +info", "~cim:* +ping +info +multi +exec +discard" + list.String()} {
		if err := dialAs(rules); err != nil {
			t.Errorf("%s: %v", rules, err)
		}
	}
	if n := c.Exists(t.Context(), probeKey).Val(); n != 0 {
		t.Error("the probe wrote")
	}
	if _, err := Dial(t.Context(), at("redis://cim:wrong@"+server.Addr())); !errors.Is(err, ErrUnfit) {
		t.Errorf("a wrong password: %v, want ErrUnfit", err)
	}
}

// An operator may disable commands of a server in its configuration.
func TestCommandsThatTheServerLacksAreNamedAtTheStart(t *testing.T) {
	for _, name := range []string{"EVALSHA", "HDEL", "SCAN"} {
		server := spawned(t, "--rename-command", name, "")
		d, err := Dial(t.Context(), at(server.URL()))
		if err == nil {
			err = d.Close()
		}
		if !errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v, want ErrUnfit that names it", name, err)
		}
	}
}

// needed has all commands that scripts call and that Go code sends.
func TestRightsOfAllCommandsAreProbed(t *testing.T) {
	known := make(map[string]bool)
	for _, command := range needed {
		known[strings.ToUpper(command[0].(string))] = true
	}
	for name, source := range sources(t, ".lua") {
		for _, call := range regexp.MustCompile(`redis\.p?call\(\s*'(\w+)'`).FindAllStringSubmatch(source, -1) {
			if !known[strings.ToUpper(call[1])] {
				t.Errorf("%s calls %s, which is not probed", name, call[1])
			}
		}
	}
	// Go code names the commands that it sends, except one, which is a method.
	for name, source := range sources(t, ".go") {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "test/") { // packages redistest and storetest
			continue
		}
		for _, call := range regexp.MustCompile(`\[\]any\{"([a-z]\w+)"|\.(Scan)\(ctx`).FindAllStringSubmatch(source, -1) {
			if command := strings.ToUpper(call[1] + call[2]); !known[command] && command != "MULTI" && command != "EXEC" && command != "ASKING" {
				t.Errorf("%s sends %s, which is not probed", name, command)
			}
		}
	}
}
