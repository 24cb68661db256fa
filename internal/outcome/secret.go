package outcome

import "regexp"

// hidden is what stands where a person typed a password by mistake: a cause is kept in the execution's history, logged, and
// sent to the operators.
const hidden = "***"

// secrets are where passwords stand in what people paste: before the host of a URL, and behind a key of a connection string.
var secrets = []struct {
	at   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*:(?:thin:)?/{0,2})[^\s"'/@][^\s"'@]*(?:@[^\s"'@/]*)*@`), "${1}" + hidden + "@"},
	{regexp.MustCompile(`(?i)((?:password|passwd|passphrase|pwd|secret)\w*\\*["']?\s*[=:]\s*\\*["']?)[^\s;&,"'\\]+`), "${1}" + hidden},
}

// Discreet is text without the passwords in it.
func Discreet(text string) string {
	for _, s := range secrets {
		text = s.at.ReplaceAllString(text, s.with)
	}
	return text
}
