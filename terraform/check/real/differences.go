package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

//go:embed differences.txt
var differences string

// plan is what terraform wants to change, as `terraform show -json` tells it.
type plan struct {
	Changes []change `json:"resource_changes"`
}

type change struct {
	Address string `json:"address"`
	Module  string `json:"module_address"`
	Mode    string `json:"mode"` // managed, or data
	Change  struct {
		Actions []string       `json:"actions"`
		Before  map[string]any `json:"before"`
		After   map[string]any `json:"after"`
		Unknown map[string]any `json:"after_unknown"`
	} `json:"change"`
}

func parsePlan(text string) (p plan, err error) {
	err = json.Unmarshal([]byte(text), &p)
	return p, err
}

// made counts the resources that the plan would make by their module's folder; those
// of aws are all.
func (p plan) made() map[string]int {
	n := map[string]int{}
	for _, c := range p.Changes {
		if c.Mode == "data" || !slices.Contains(c.Change.Actions, "create") {
			continue
		}
		n[root]++
		if module := moduleOf(c.Module); module != root {
			n[module]++
		}
	}
	return n
}

// differs returns a line "address attribute" for each attribute that the plan would
// change, and "address ACTION" for resources it would make or remove. Keys of for_each
// are dropped, because the same attributes differ in all elements.
func (p plan) differs() []string {
	found := map[string]bool{}
	for _, c := range p.Changes {
		action := strings.Join(c.Change.Actions, "+")
		address := keys.ReplaceAllString(c.Address, "")
		switch {
		case action == "no-op" || c.Mode == "data":
		case action != "update":
			found[address+" "+action] = true
		default:
			for _, name := range c.attributes() {
				found[address+" "+name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

var keys = regexp.MustCompile(`\[[^\]]*\]`)

// attributes returns the names of those that an update would change. One that will
// only be known then, because it follows from another change, counts if nothing else
// does.
func (c change) attributes() (names []string) {
	for name, before := range c.Change.Before {
		after, known := c.Change.After[name]
		if known && !reflect.DeepEqual(filled(before), filled(after)) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return names
	}
	for name, unknown := range c.Change.Unknown {
		if unknown == true {
			names = append(names, name)
		}
	}
	return names
}

// filled is a value without what terraform itself does not tell from nothing: null in
// the place of an empty text.
func filled(value any) any {
	switch v := value.(type) {
	case nil:
		return ""
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = filled(v[i])
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for name := range v {
			all[name] = filled(v[name])
		}
		return all
	}
	return value
}

// allowed compares differences with a list of lines "address attribute reason". A
// difference that is not on the list is an error, and so is an unused line.
func allowed(list string, found []string) (err error) {
	var want []string
	for _, line := range lines(list) {
		fields := strings.SplitN(line, " ", 3)
		if len(fields) < 3 {
			return fmt.Errorf("%q has no reason", line)
		}
		want = append(want, fields[0]+" "+fields[1])
	}
	for _, line := range found {
		if !slices.Contains(want, line) {
			err = errors.Join(err, fmt.Errorf("a second plan would change %s", line))
		}
	}
	for _, line := range want {
		if !slices.Contains(found, line) {
			err = errors.Join(err, fmt.Errorf("nothing needs the line %s any more", line))
		}
	}
	return err
}
