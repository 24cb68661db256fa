package front

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// asks is what the test's own program does as another process: it asks, and waits for an answer.
const asks = "LOCAL_FRONT_ASKS"

func init() {
	if url := os.Getenv(asks); url != "" {
		answer, err := http.Get(url)
		if err == nil {
			_ = answer.Body.Close()
		}
		fmt.Println(answer, err)
		os.Exit(0)
	}
}

func TestWhoCallsIsKilled(t *testing.T) {
	var killing error
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { killing = signalCaller(r, unix.SIGKILL) }))
	defer server.Close()
	caller := exec.Command(os.Args[0])
	caller.Env = append(os.Environ(), asks+"="+server.URL)
	err := caller.Run()
	exit, ended := errors.AsType[*exec.ExitError](err)
	if !ended || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL || killing != nil {
		t.Errorf("the caller ended with %v (%v)", err, killing)
	}
}
