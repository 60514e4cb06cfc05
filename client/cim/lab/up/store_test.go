package up

import (
	"slices"
	"testing"

	"github.com/cim-go/cim/routefn/record/redistest"
)

func TestPasswordOfAStoreIsTakenOutOfItsURL(t *testing.T) {
	for store, want := range map[string][2]string{
		"redis://127.0.0.1:6379":                          {"redis://127.0.0.1:6379", ""},
		"redis://:p%40ss@127.0.0.1:6379/2":                {"redis://127.0.0.1:6379/2", "p@ss"},
		"rediss://alice:secret@h:1?ca=a@b":                {"rediss://alice@h:1?ca=a@b", "secret"},
		"redis+sentinel://:secret@h1:1,h2:2/master":       {"redis+sentinel://h1:1,h2:2/master", "secret"},
		"redis+cluster://alice@h1:1,h2:2":                 {"redis+cluster://alice@h1:1,h2:2", ""},
		"rediss+cluster://:a:b@h1:1,h2:2?server_name=n@m": {"rediss+cluster://h1:1,h2:2?server_name=n@m", "a:b"},
		"nonsense": {"nonsense", ""},
	} {
		if bare, password := splitPassword(store); bare != want[0] || password != want[1] {
			t.Errorf("%s: %s and %q, want %q", store, bare, password, want)
		}
	}
}

// A store that ends by itself is noticed, so that nobody takes its loss for that of
// messages.
func TestStoreThatEndsIsTold(t *testing.T) {
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	c := &Cluster{redis: server}
	if ended := c.StoresEnded(); len(ended) > 0 {
		t.Errorf("%q ended", ended)
	}
	server.Kill()
	if ended := c.StoresEnded(); !slices.Equal(ended, []string{server.Addr()}) {
		t.Errorf("%q ended, want %s", ended, server.Addr())
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ended := c.StoresEnded(); len(ended) > 0 {
		t.Errorf("after a restart %q ended", ended)
	}
}
