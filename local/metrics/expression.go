package metrics

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// searched is what a search asks for: '{Namespace,Dimension,…} MetricName="Name"'. Searches by tokens, of several metrics,
// and by values of dimensions are refused.
type searched struct {
	namespace  string
	dimensions []string
	name       string
}

// searches takes names that have more than letters and digits in quotes, as CloudWatch does
// (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html); a slash is no such character.
var (
	searches = regexp.MustCompile(`^ *\{([^{}]+)\} +MetricName="([^"]+)" *$`)
	plain    = regexp.MustCompile(`^[A-Za-z0-9/_.-]+$`)
	quoted   = regexp.MustCompile(`^"([^"]+)"$`)
)

func parseSearch(query string) (searched, error) {
	found := searches.FindStringSubmatch(query)
	if found == nil {
		return searched{}, refuse(`SEARCH: '%s' is not {Namespace,Dimension,…} MetricName="Name": `+
			"no other search is part of this local cloud", query)
	}
	var names []string
	for name := range strings.SplitSeq(found[1], ",") {
		name = strings.TrimSpace(name)
		switch {
		case plain.MatchString(name):
		case quoted.MatchString(name):
			name = name[1 : len(name)-1]
		default:
			return searched{}, refuse("SEARCH: %s in {%s} must be in double quotes", name, found[1])
		}
		names = append(names, name)
	}
	return searched{namespace: names[0], dimensions: slices.Sorted(slices.Values(names[1:])), name: found[2]}, nil
}

// fits wants the dimensions that are named, and no others.
func (s searched) fits(m Metric) bool {
	var names []string
	for _, d := range m.Dimensions {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return m.Namespace == s.namespace && m.MetricName == s.name && slices.Equal(names, s.dimensions)
}

// expression evaluates metric math (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html): numbers,
// ids of other queries, the four operators, parentheses, SUM and SEARCH.
func (e *evaluation) expression(q Query) (value, error) {
	p := &parser{evaluation: e, query: q, tokens: tokens.FindAllString(q.Expression, -1)}
	if strings.Join(p.tokens, "") != blanks.ReplaceAllStringFunc(q.Expression, unquoted) {
		return value{}, p.refuse("it has something that no expression has")
	}
	v, err := p.sum()
	if err == nil && len(p.tokens) > 0 {
		return value{}, p.refuse("nobody expects %s", p.tokens[0])
	}
	return v, err
}

var (
	tokens = regexp.MustCompile(`'[^']*'|[0-9]+(?:\.[0-9]+)?|[A-Za-z][A-Za-z0-9_]*|[-+*/(),]`)
	blanks = regexp.MustCompile(`'[^']*'|\s+`)
)

// unquoted blanks are none of an expression.
func unquoted(text string) string {
	if strings.HasPrefix(text, "'") {
		return text
	}
	return ""
}

type parser struct {
	*evaluation
	query  Query
	tokens []string
}

func (p *parser) refuse(format string, args ...any) error {
	return refuse("Error in expression '%s': "+format, append([]any{p.query.ID}, args...)...)
}

// next takes the next token if it is one of these; any if none is named.
func (p *parser) next(these ...string) (string, bool) {
	if len(p.tokens) == 0 || len(these) > 0 && !slices.Contains(these, p.tokens[0]) {
		return "", false
	}
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token, true
}

func (p *parser) expect(token string) error {
	if _, ok := p.next(token); !ok {
		return p.refuse("%s is missing", token)
	}
	return nil
}

func (p *parser) sum() (value, error)     { return p.chain(p.product, "+", "-") }
func (p *parser) product() (value, error) { return p.chain(p.factor, "*", "/") }

func (p *parser) chain(operand func() (value, error), operators ...string) (value, error) {
	left, err := operand()
	for err == nil {
		operator, ok := p.next(operators...)
		if !ok {
			return left, nil
		}
		var right value
		if right, err = operand(); err == nil {
			left, err = p.apply(operator, left, right)
		}
	}
	return left, err
}

func (p *parser) factor() (value, error) {
	token, ok := p.next()
	switch {
	case !ok:
		return value{}, p.refuse("it ends too soon")
	case token == "(":
		v, err := p.sum()
		if err == nil {
			err = p.expect(")")
		}
		return v, err
	case token == "SUM":
		return p.total()
	case token == "SEARCH":
		return p.found()
	case ids.MatchString(token):
		i := slices.IndexFunc(p.request.MetricDataQueries, func(q Query) bool { return q.ID == token })
		if i < 0 {
			return value{}, p.refuse("the id %s is unknown", token)
		}
		return p.evaluation.query(p.request.MetricDataQueries[i])
	}
	number, err := strconv.ParseFloat(token, 64)
	if err != nil {
		return value{}, p.refuse("%s is no part of this local cloud's metric math", token)
	}
	return value{scalar: true, number: number}, nil
}

// total adds time series up: a value that one does not have counts nothing.
func (p *parser) total() (value, error) {
	if err := p.expect("("); err != nil {
		return value{}, err
	}
	v, err := p.sum()
	if err == nil {
		err = p.expect(")")
	}
	if err != nil {
		return value{}, err
	}
	if !v.array {
		return value{}, p.refuse("SUM of no array is no part of this local cloud")
	}
	total := series{values: map[int64]float64{}}
	for _, s := range v.series {
		for at, n := range s.values {
			total.values[at] += n
		}
	}
	return value{series: []series{total}}, nil
}

// found is SEARCH('…', 'Statistic', period).
func (p *parser) found() (value, error) {
	var args []string
	for _, before := range []string{"(", ",", ","} {
		if err := p.expect(before); err != nil {
			return value{}, err
		}
		arg, _ := p.next()
		args = append(args, strings.Trim(arg, "'"))
	}
	if err := p.expect(")"); err != nil {
		return value{}, err
	}
	period, err := strconv.Atoi(args[2])
	if err != nil {
		return value{}, p.refuse("%s is no period", args[2])
	}
	return p.search(args[0], args[1], period)
}

// apply is an operator between numbers, series and arrays: of two series the times count that both have. Two arrays cannot
// be joined.
func (p *parser) apply(operator string, left, right value) (value, error) {
	does := map[string]func(a, b float64) float64{
		"+": func(a, b float64) float64 { return a + b }, "-": func(a, b float64) float64 { return a - b },
		"*": func(a, b float64) float64 { return a * b }, "/": func(a, b float64) float64 { return a / b },
	}[operator]
	switch {
	case left.scalar && right.scalar:
		return value{scalar: true, number: does(left.number, right.number)}, nil
	case right.scalar:
		return left.each(func(_ int64, n float64) (float64, bool) { return does(n, right.number), true }), nil
	case left.scalar:
		return right.each(func(_ int64, n float64) (float64, bool) { return does(left.number, n), true }), nil
	case left.array && right.array:
		return value{}, p.refuse("two arrays cannot be joined by %s", operator)
	case right.array:
		one := left.series[0].values
		return right.each(func(at int64, n float64) (float64, bool) { other, ok := one[at]; return does(other, n), ok }), nil
	}
	one := right.series[0].values
	return left.each(func(at int64, n float64) (float64, bool) { other, ok := one[at]; return does(n, other), ok }), nil
}

// each is the value with another in place of each of its values, or none.
func (v value) each(instead func(at int64, n float64) (float64, bool)) value {
	out := value{array: v.array}
	for _, s := range v.series {
		values := maps.Clone(s.values)
		for at, n := range s.values {
			if n, ok := instead(at, n); ok {
				values[at] = n
			} else {
				delete(values, at)
			}
		}
		out.series = append(out.series, series{s.label, values})
	}
	return out
}
