package record

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// If the store's user lacks rights, the error at the start names the commands.
func TestRefusedRightsAreNamedAtTheStart(t *testing.T) {
	server := spawned(t)
	c := clientOf(t, server.Addr())
	dialAs := func(rules string) error {
		args := []any{"acl", "setuser", "cim", "reset", "on", ">secret"}
		for rule := range strings.FieldsSeq(rules) {
			args = append(args, rule)
		}
		if err := c.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
		s, err := Dial(t.Context(), Config{URL: "redis://cim:secret@" + server.Addr()})
		if err == nil {
			err = s.Close()
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
	if _, err := Dial(t.Context(), Config{URL: "redis://cim:wrong@" + server.Addr()}); !errors.Is(err, ErrUnfit) {
		t.Errorf("a wrong password: %v, want ErrUnfit", err)
	}
}

// needed has all commands that scripts call and that Go code sends.
func TestRightsOfAllCommandsAreProbed(t *testing.T) {
	known := make(map[string]bool)
	for _, command := range needed {
		known[strings.ToUpper(command[0].(string))] = true
	}
	for name, s := range scripts {
		for _, call := range regexp.MustCompile(`redis\.p?call\(\s*'(\w+)'`).FindAllStringSubmatch(s.source, -1) {
			if !known[strings.ToUpper(call[1])] {
				t.Errorf("%s calls %s, which is not probed", name, call[1])
			}
		}
	}
	// Go code names the commands that it sends, except one, which is a method.
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, call := range regexp.MustCompile(`\[\]any\{"([a-z]\w+)"|\.(Scan)\(ctx`).FindAllStringSubmatch(string(text), -1) {
			if command := strings.ToUpper(call[1] + call[2]); !known[command] && command != "MULTI" && command != "EXEC" && command != "ASKING" {
				t.Errorf("%s sends %s, which is not probed", file, command)
			}
		}
	}
}
