package process

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestArgumentsMayStandAnywhere(t *testing.T) {
	for args, want := range map[string]string{
		"":                          "",
		"node-1":                    "node-1",
		"node-1 -route R":           "node-1",
		"-route R node-1":           "node-1",
		"-route=R node-1 -json":     "node-1",
		"-json node-1 -route R":     "node-1",
		"--json GET --route R /":    "GET /",
		"-config words.conf node-1": "node-1",
		"-route R -- -json node-1":  "-json node-1",
		"-":                         "-",
	} {
		fs := flag.NewFlagSet("cim", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		route := fs.String("route", "", "")
		asJSON := fs.Bool("json", false, "")
		words, err := ParseWords(fs, "WORD", strings.Fields(strings.ReplaceAll(args, "words.conf", "/dev/null")))
		if err != nil || !slices.Equal(words, strings.Fields(want)) {
			t.Errorf("%s: %q, %v; want %q", args, words, err, want)
		}
		if (*route == "R") != strings.Contains(args, "route") || *asJSON != (strings.Contains(args, "json") && !strings.Contains(args, "-- ")) {
			t.Errorf("%s: route %q, json %v", args, *route, *asJSON)
		}
	}
}

func TestWrongFlagsAreToldWhereverTheyStand(t *testing.T) {
	for _, args := range []string{"-nothing node-1", "node-1 -nothing", "node-1 -route"} {
		fs := flag.NewFlagSet("cim", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		fs.String("route", "", "")
		if words, err := ParseWords(fs, "", strings.Fields(args)); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %q, %v", args, words, err)
		}
	}
	fs := flag.NewFlagSet("cim", flag.ContinueOnError)
	if err := Parse(fs, []string{"surplus"}); !errors.Is(err, ErrUsage) {
		t.Errorf("an argument that nobody wants: %v", err)
	}
	var help strings.Builder
	fs = flag.NewFlagSet("cim drain", flag.ContinueOnError)
	fs.SetOutput(&help)
	if _, err := ParseWords(fs, "NODE", []string{"-h"}); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "cim drain NODE") {
		t.Errorf("-h says %q, %v", help.String(), err)
	}
}
