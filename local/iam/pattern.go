package iam

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is text in which * and ? stand for other text. What came out of a policy variable stands for itself, whatever it
// contains: hence not a string.
type pattern []glyph

type glyph struct {
	r    rune
	wild bool // r is * or ?
}

func (g glyph) star() bool { return g.wild && g.r == '*' }

// glob reads * and ? in text.
func glob(text string) pattern {
	p := make(pattern, 0, len(text))
	for _, r := range text {
		p = append(p, glyph{r, r == '*' || r == '?'})
	}
	return p
}

// Like matches text with a pattern of * and ?. Most texts differ before the first of them.
func Like(pattern, text string) bool {
	start := strings.IndexAny(pattern, "*?")
	if start < 0 {
		return pattern == text
	}
	return strings.HasPrefix(text, pattern[:start]) && glob(pattern[start:]).matches(text[start:])
}

// literal takes text as it stands.
func literal(text string) pattern {
	p := make(pattern, 0, len(text))
	for _, r := range text {
		p = append(p, glyph{r, false})
	}
	return p
}

// text is what a comparison without wildcards compares with.
func (p pattern) text() string {
	var b strings.Builder
	for _, g := range p {
		b.WriteRune(g.r)
	}
	return b.String()
}

func (p pattern) matches(text string) bool {
	return p.match(text, func(rune, int) bool { return true })
}

// matchesARN matches as the Resource element does: "If a * wildcard is the last character of a resource ARN segment, it can
// expand to match beyond the colon boundaries"; any other * and every ? stays within its segment.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func (p pattern) matchesARN(arn string) bool {
	return p.match(arn, func(r rune, at int) bool {
		last := at+1 == len(p) || p[at+1].r == ':'
		return r != ':' || p[at].star() && last
	})
}

// match keeps all the ways that the text read so far can be read: reached[i] says that p[:i] can be all of it. covers says
// whether the wildcard p[at] may stand for r.
func (p pattern) match(text string, covers func(r rune, at int) bool) bool {
	start := 0 // where the first wildcard is: most texts differ before it
	for ; start < len(p) && !p[start].wild; start++ {
		r, size := utf8.DecodeRuneInString(text)
		if size == 0 || r != p[start].r {
			return false
		}
		text = text[size:]
	}
	reached, next := make([]bool, len(p)+1), make([]bool, len(p)+1)
	reached[start] = true
	p.skipStars(reached)
	for _, r := range text {
		clear(next)
		for at, g := range p {
			switch {
			case !reached[at]:
			case g.star():
				next[at] = next[at] || covers(r, at)
			case g.wild && covers(r, at), !g.wild && g.r == r:
				next[at+1] = true
			}
		}
		if !slices.Contains(next, true) {
			return false
		}
		reached, next = next, reached
		p.skipStars(reached)
	}
	return reached[len(p)]
}

// skipStars lets each * stand for nothing.
func (p pattern) skipStars(reached []bool) {
	for at, g := range p {
		reached[at+1] = reached[at+1] || reached[at] && g.star()
	}
}

// all says that the pattern is nothing but *.
func (p pattern) all() bool {
	return len(p) > 0 && !slices.ContainsFunc(p, func(g glyph) bool { return !g.star() })
}

// segments are an ARN's six; the last may have colons of its own.
func (p pattern) segments() []pattern {
	var cut []pattern
	for len(cut) < 5 {
		colon := slices.Index(p, glyph{r: ':'})
		if colon < 0 {
			break
		}
		cut, p = append(cut, p[:colon]), p[colon+1:]
	}
	return append(cut, p)
}
