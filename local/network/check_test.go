package network

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestRemedy(t *testing.T) {
	forbidden := fs.ErrPermission
	tests := map[string]struct {
		err     error
		root    bool
		sysctls map[string]string
		want    string
	}{
		"no nf_tables":                   {err: errors.New("use nf_tables: protocol not supported"), want: "modprobe -a nf_tables"},
		"namespaces switched off":        {err: forbidden, root: true, sysctls: map[string]string{"user/max_user_namespaces": "0\n"}, want: "user.max_user_namespaces=10000"},
		"Debian's switch":                {err: forbidden, sysctls: map[string]string{"kernel/unprivileged_userns_clone": "0\n"}, want: "kernel.unprivileged_userns_clone=1"},
		"Ubuntu's AppArmor":              {err: forbidden, sysctls: map[string]string{"kernel/apparmor_restrict_unprivileged_userns": "1\n"}, want: "kernel.apparmor_restrict_unprivileged_userns=0"},
		"Ubuntu's AppArmor, but root":    {err: forbidden, root: true, sysctls: map[string]string{"kernel/apparmor_restrict_unprivileged_userns": "1\n"}, want: "--privileged"},
		"a container's seccomp":          {err: forbidden, want: "--privileged"},
		"nothing that a sysctl explains": {err: forbidden, sysctls: map[string]string{"user/max_user_namespaces": "96365\n"}, want: "--privileged"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sysctls := fstest.MapFS{}
			for name, value := range test.sysctls {
				sysctls[name] = &fstest.MapFile{Data: []byte(value)}
			}
			if got := remedy(test.err, test.root, sysctls); !strings.Contains(got, test.want) {
				t.Errorf("got %q, want it to say %q", got, test.want)
			}
		})
	}
}
