package routeserver

import (
	"errors"
	"flag"
	"io"
	"testing"

	"github.com/cim-go/cim/proto/process"
)

func TestAckNamesALevel(t *testing.T) {
	const wrong = -1
	for args, want := range map[string]int{
		"": 0, "primary": 0, "replica": 1, "replica=1": 1, "replica=3": 3,
		"replica=0": wrong, "replica=-1": wrong, "replica=": wrong, "replica=x": wrong, "2": wrong, "all": wrong,
	} {
		f := parsed(t, "-ack", args)
		if args == "" {
			f = parsed(t)
		}
		got, err := f.replicas()
		if (err != nil) != (want == wrong) || err == nil && got != want {
			t.Errorf("-ack %q: %d, %v", args, got, err)
		}
		if err := f.check(); errors.Is(err, process.ErrUsage) != (want == wrong) {
			t.Errorf("-ack %q: check says %v", args, err)
		}
	}
	if err := parsed(t, "-ack", "replica", "-redis", "embedded").check(); !errors.Is(err, process.ErrUsage) {
		t.Errorf("replicas of an embedded store: %v", err)
	}
}

func parsed(t *testing.T, args ...string) *Flags {
	t.Helper()
	f := new(Flags)
	fs := flag.NewFlagSet("cim-route", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	f.Register(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}
