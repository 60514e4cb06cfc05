package config

import "testing"

func TestMemoryIsCollectedSeldomUnderLoadAndThoroughlyAfterIt(t *testing.T) {
	const live = 8 << 20
	p := pacer{percent: calmGC}
	p.tick(2, live)
	if p.percent != calmGC {
		t.Errorf("%d %% after two collections", p.percent)
	}
	p.tick(12, live)
	if p.percent != 400 { // 32 MiB of garbage beside 8 MiB
		t.Errorf("%d %% under load", p.percent)
	}
	for range 4 { // it is collected seldom because it is allowed to be
		p.tick(13, live)
	}
	if p.percent != 400 {
		t.Errorf("%d %% under load that is collected seldom", p.percent)
	}
	for range 5 {
		p.tick(13, live)
	}
	if p.percent != calmGC {
		t.Errorf("%d %% when the load is over", p.percent)
	}
	p.tick(30, 1<<30)
	if p.percent != loadGC {
		t.Errorf("%d %% of a large heap", p.percent)
	}
}
