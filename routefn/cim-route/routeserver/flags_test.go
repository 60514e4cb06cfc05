package routeserver

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/limit"
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

func TestLimitsAreOffOnlyWhereEverybodyIsBelieved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "limits")
	if err := os.WriteFile(file, []byte("group = off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	custom := limit.Default()
	custom.Group = limit.Rate{}
	function := limit.Default()
	function.Registrations = limit.Rate{}
	for name, c := range map[string]struct {
		args  []string
		local bool
		want  limit.Limits
	}{
		"open here":           {[]string{"-auth", "open"}, true, limit.Limits{}},
		"open elsewhere":      {[]string{"-auth", "open"}, false, limit.Default()},
		"password here":       {nil, true, limit.Default()},
		"open here, default":  {[]string{"-auth", "open", "-limits", "default"}, true, limit.Default()},
		"password, off":       {[]string{"-limits", "off"}, false, limit.Limits{}},
		"open function":       {[]string{"-auth", "open"}, false, function},
		"open here, own file": {[]string{"-auth", "open", "-limits", file}, true, custom},
		"open here, own text": {[]string{"-auth", "open", "-limits", "text:# all may write\ngroup = off"}, true, custom},
	} {
		f := parsed(t, c.args...)
		f.local, f.function = c.local, name == "open function"
		if got, err := f.limits(); err != nil || got != c.want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
	if err := parsed(t, "-limits", file+"x").check(); !errors.Is(err, process.ErrUsage) {
		t.Errorf("a file that is not there: %v", err)
	}
}
