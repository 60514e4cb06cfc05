package servers

import (
	"slices"
	"strings"
	"testing"
)

func mustParse(t testing.TB, url string) *endpoint {
	t.Helper()
	e, err := parseURL(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestURLNamesTheStore(t *testing.T) {
	for url, want := range map[string]endpoint{
		"redis://h":                           {kind: "redis", hosts: []string{"h:6379"}},
		"redis://u:p%40@h:1/3":                {kind: "redis", hosts: []string{"h:1"}, user: "u", password: "p@", db: 3},
		"redis://[::1]:7/":                    {kind: "redis", hosts: []string{"[::1]:7"}},
		"redis+cluster://h1:1,h2:2":           {kind: "redis+cluster", hosts: []string{"h1:1", "h2:2"}},
		"redis+sentinel://:p@h1,h2:5/m?db=2":  {kind: "redis+sentinel", hosts: []string{"h1:26379", "h2:5"}, master: "m", password: "p", db: 2},
		"rediss+cluster://h1:1,h2:2,h3:3":     {kind: "redis+cluster", hosts: []string{"h1:1", "h2:2", "h3:3"}},
		"rediss://cache.example.org:6380/0":   {kind: "redis", hosts: []string{"cache.example.org:6380"}},
		"redis+sentinel://h1:1, h2/m":         {kind: "redis+sentinel", hosts: []string{"h1:1", "h2:26379"}, master: "m"},
		"redis+cluster://[::1]:1,[::2],::3":   {kind: "redis+cluster", hosts: []string{"[::1]:1", "[::2]:6379", "[::3]:6379"}},
		"redis+sentinel://h1:26379/mymaster/": {kind: "redis+sentinel", hosts: []string{"h1:26379"}, master: "mymaster"},
	} {
		got := mustParse(t, url)
		if got.kind != want.kind || !slices.Equal(got.hosts, want.hosts) || got.master != want.master || got.db != want.db ||
			got.user != want.user || got.password != want.password || (got.secure != nil) != strings.HasPrefix(url, "rediss") {
			t.Errorf("%s is %+v, want %+v", url, got, want)
		}
	}
}

func TestBadURLIsRefusedWithoutItsPassword(t *testing.T) {
	for _, url := range []string{
		"", "h:6379", "http://:secret@h", "redis://", "redis://:secret@h/x", "redis://:secret@h1:1,h2:2",
		"redis+sentinel://:secret@h", "redis+cluster://:secret@h/1", "redis://:secret@h?pool_size=3", "rediss://:secret@h?skip_verify=secret",
		"redis://:secret@h?ca=secret", "rediss://:secret@h?cert=secret", "rediss://:secret@h?server_name=a&server_name=secret", "redis://:secret@h?db=%secret",
		"redis://:secret%@h", "redis://:secret@h/-1",
		"redis+cluster://:secret@h1:1,", "redis+cluster://:secret@h1:1,,h2:2", "redis+sentinel://:secret@h1:1,h2:two/m",
		"redis+sentinel://:secret@h1:1,h2:70000/m", "redis+cluster://:secret@h1:1,h2:0", "redis+cluster://:secret@h1:1,:2",
		"redis+cluster://:1,secret/2@h1:1", "redis+cluster://:secret@h1:1,h2:2:3", "redis+cluster://:secret@h1:1,h2 h3:3",
	} {
		if e, err := parseURL(url, nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v, %v", url, e, err)
		}
	}
}
