package outcome

import (
	"regexp"
	"slices"
	"strings"
)

// hidden is what stands where a person typed a password by mistake: a cause is kept in the execution's history, logged, and
// sent to the operators.
const hidden = "***"

// userinfo is what stands before the host of a URL.
var userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*:(?:thin:)?/{0,2})[^\s"'/@][^\s"'@]*(?:@[^\s"'@/]*)*@`)

// secrets are where else passwords stand in what people paste: behind a key of a connection string or an option of a client;
// and what is one by its looks, a token or a private key. None is where none of its words is, in small letters: everything
// that is logged is looked through.
var secrets = []struct {
	words []string
	at    *regexp.Regexp
	with  string
}{
	{[]string{"passw", "passphrase", "pwd", "secret", "token", "key", "signature"},
		regexp.MustCompile(`(?i)((?:password|passwd|passphrase|pwd|secret|(?:session|access|auth|refresh)_?token|api[_-]?key|X-Amz-Signature)` +
			`\w*\\*["']?\s*[=:]\s*)(?:\{[^}]*\}?|\\*"[^"]*"?|\\*'[^']*'?|[^\s;&"']+)`), "${1}" + hidden},
	{[]string{"--p"}, regexp.MustCompile(`(--(?:password|pwd)\s+)\S+`), "${1}" + hidden},
	{[]string{"-----begin"}, regexp.MustCompile(`(?is)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*`), "${1}" + hidden},
	{[]string{"eyj"}, regexp.MustCompile(`(?i)eyJ[\w-]{8,}(?:\.[\w-]*)+`), hidden},
}

// Discreet is text without the passwords in it.
func Discreet(text string) string {
	if strings.Contains(text, "@") {
		text = userinfo.ReplaceAllStringFunc(text, func(found string) string {
			if ofIAM.MatchString(found) { // it has an @ in its name
				return found
			}
			return userinfo.ReplaceAllString(found, "${1}"+hidden+"@")
		})
	}
	small := strings.ReplaceAll(strings.ToLower(text), "ſ", "s") // as (?i) has it
	for _, s := range secrets {
		if slices.ContainsFunc(s.words, func(word string) bool { return strings.Contains(small, word) }) {
			text = s.at.ReplaceAllString(text, s.with)
		}
	}
	return text
}

// ofIAM is the ARN of a role, of a user or of a session, as far as an @.
var ofIAM = regexp.MustCompile(`^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:[a-z-]+/[\w/+=,.@-]*$`)

const (
	longestTyped = 80      // which keeps a message readable, whatever it quotes
	enough       = 4 << 10 // of what is looked through
)

// Harmless is as much as may be kept of what a person typed freely: the beginning, up to where a password could follow.
func Harmless(text string) string {
	safe := Discreet(text[:min(len(text), enough)])
	if at := begins.FindStringSubmatchIndex(safe); at != nil && !plainARN.MatchString(safe) {
		safe = safe[:max(at[3], at[5])] + "..."
	}
	return safe
}

// Typed is as much as a message repeats of what a person typed. A text is cut last: a URL may lose by it what tells it for
// one.
func Typed(text string) string {
	safe := Harmless(text)
	if len(safe) > longestTyped {
		safe = strings.ToValidUTF8(safe[:longestTyped], "") + "..."
	}
	return safe
}

// begins is where a password could begin: in a URL, behind a key, among the options of a client; between a user and a host,
// in a line of .pgpass.
var begins = regexp.MustCompile(`(?s)(://|=|\s-)|([:/])(?:[^@]*@|[^:]*:)`)

// plainARN is an ARN in which no colon, equals sign or @ stands where none belongs.
var plainARN = regexp.MustCompile(`^\W*arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:\d*:` +
	`(?:[\w/*+,.-]*:?[\w/*+,.-]*|(?:role|user)/[\w+,.-]+@[\w.-]+|assumed-role/[\w+,.-]+/[\w+,.-]+@[\w.-]+)\W*$`)
