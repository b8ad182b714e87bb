// Units as the catalogue names them, and what Grafana calls them.
{
  local units = self,

  // The currencies that Grafana has a symbol for, of those that a company is likely to be paid in.
  local symbols = [
    'AUD',
    'BRL',
    'CAD',
    'CHF',
    'CZK',
    'DKK',
    'EUR',
    'GBP',
    'ILS',
    'INR',
    'JPY',
    'KRW',
    'NOK',
    'PLN',
    'SEK',
    'TRY',
    'USD',
    'ZAR',
  ],

  local names = {
    '': 'short',
    bits: 'bits',
    boolean: 'bool_yes_no',
    bytes: 'bytes',
    hertz: 'hertz',
    joules: 'joule',
    milliseconds: 'ms',
    multixacts: 'short',
    transactions: 'short',
    celsius: 'celsius',
    currency: 'short',  // the symbol comes with the currency's name, in `currencies`
    months: 'suffix: months',  // Grafana knows none
    ratio: 'percentunit',
    seconds: 's',
    timestamp_seconds: 'dateTimeFromNow',
    '/minute': 'short',  // titles say "per minute"
    '/second': 'ops',
    'bits/second': 'bps',
    'bytes/second': 'Bps',
    'currency/minute': 'short',
    'currency/second': 'short',
  },

  // Grafana's name of a unit of the catalogue.
  grafana(unit):
    if std.objectHas(names, unit) then names[unit]
    else error "units.libsonnet knows no unit '%s': add it there with Grafana's name for it" % unit,

  // The unit of a counter's rate. Seconds per second are a share of time.
  per(unit, time):
    if unit == 'seconds' && time == 'second' then 'ratio' else unit + '/' + time,

  is_money(unit): std.startsWith(unit, 'currency'),

  currencies: symbols,
  currency(code): if std.member(symbols, code) then 'currency' + code else 'suffix: ' + code,
}
