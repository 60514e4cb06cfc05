package role

import "testing"

func TestWhoMayAddWhom(t *testing.T) {
	for _, c := range []struct {
		rules   Rules
		word    string
		contact bool
		want    bool
	}{
		{Rules{}, "", false, true}, {Rules{}, "", true, true},
		{Safe(), "", false, false}, {Safe(), "", true, true},
		{Safe(), "everyone", false, true}, {Rules{}, "contacts", false, false}, {Rules{}, "contacts", true, true},
		{Rules{}, "nobody", true, false}, {Rules{}, "what", true, false},
	} {
		if got := c.rules.MayAdd(c.word, c.contact); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	for _, r := range []Rules{{}, Safe()} {
		for _, contact := range []bool{false, true} {
			if r.MayAdd("", contact) != r.MayAdd(r.Adders(), contact) {
				t.Errorf("%+v: Adders is not what holds", r)
			}
		}
	}
}

func TestWhoMayFindWhom(t *testing.T) {
	for _, c := range []struct {
		rules Rules
		word  string
		known bool
		want  bool
	}{
		{Rules{}, "", false, true}, {Safe(), "", false, false}, {Safe(), "", true, true},
		{Safe(), "everyone", false, true}, {Rules{}, "contacts", false, false}, {Rules{}, "contacts", true, true},
	} {
		if got := c.rules.MayFind(c.word, c.known); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
