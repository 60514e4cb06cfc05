package role

import "testing"

func TestNamesOfSystemRoles(t *testing.T) {
	for _, s := range []System{User, Moderator, Operator} {
		if got, ok := ParseSystem(s.String()); got != s || !ok {
			t.Errorf("%q is %v, %v", s, got, ok)
		}
	}
	for _, name := range []string{"", "owner", "Operator"} {
		if s, ok := ParseSystem(name); ok {
			t.Errorf("%q is %v", name, s)
		}
	}
}

func TestWhoReachesEveryone(t *testing.T) {
	for rules, want := range map[Rules][3]bool{
		{}:                   {true, true, true},
		Safe():               {false, true, true},
		{Everyone: Operator}: {false, false, true},
	} {
		if got := [3]bool{rules.MayReachEveryone(User), rules.MayReachEveryone(Moderator), rules.MayReachEveryone(Operator)}; got != want {
			t.Errorf("%+v: %v", rules, got)
		}
	}
}

func TestOnlyOperatorsAppoint(t *testing.T) {
	for s, want := range map[System]bool{User: false, Moderator: false, Operator: true} {
		if s.MayAppoint() != want {
			t.Errorf("%v: %v", s, !want)
		}
	}
}

func TestModeratorsAndOperatorsModerate(t *testing.T) {
	for s, want := range map[System]bool{User: false, Moderator: true, Operator: true} {
		if s.MayModerate() != want {
			t.Errorf("%v: %v", s, !want)
		}
	}
}
