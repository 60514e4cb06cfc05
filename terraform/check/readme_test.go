package check

import (
	"os/exec"
	"testing"
)

func TestReadmesSayWhatTheCodeSays(t *testing.T) {
	if out, err := exec.Command("go", "run", "./readme", "-check", "..").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
