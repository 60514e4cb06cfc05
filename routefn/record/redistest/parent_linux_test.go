package redistest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/cim-go/cim/proto/wait"
)

// The test starts itself again, as a parent process that is killed.
func TestServerEndsWithItsParent(t *testing.T) {
	if dir := os.Getenv("SPAWN_PARENT_DIR"); dir != "" {
		s, err := Redis(t.Context(), Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(s.process.Pid)
		<-s.done // killed before
	}
	parent := exec.Command(os.Args[0], "-test.run", "^TestServerEndsWithItsParent$")
	parent.Env = append(os.Environ(), "SPAWN_PARENT_DIR="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(bufio.NewReader(out), &pid); err != nil {
		t.Error(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = parent.Wait() // it was killed
	wait.Until(t, "the process has ended with its parent", func() bool { return !alive(pid) })
}

// alive reports whether a process runs. A process that has ended and was not waited for
// does not run.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	var id int
	var name, state string
	_, _ = fmt.Sscan(string(stat), &id, &name, &state)
	return state != "Z"
}
