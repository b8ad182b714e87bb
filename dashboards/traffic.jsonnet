// For those who bring visitors: how many come, from where, what do they do, and what did it cost?
function(lib)
  local m = lib.metrics;
  local panel = lib.panel;
  local section = lib.board.section;

  // Any source of web analytics; campaigns and spend are the company's own.
  local q = lib.promql.within({ source: '=~$visitors' });
  local own = lib.promql.within({ source: '=~' + lib.config.source });

  local day = { window: '1d' };
  local month = { window: '30d' };
  local total(metric, window) = q.greatest(q.value(metric, { window: window }));
  // What the company's own database does not tell.
  local analytics = lib.promql.within({ source: '=~$analytics' });
  local by(metric, label) = analytics.sum(analytics.value(metric, day), by=[label]);
  local ranked(title, metric, label) = panel.ranking(title, q.top(10, by(metric, label)), by=[label], value='Visitors', good='high');

  lib.board.page(
    title='Web traffic and acquisition',
    description='Visitors of the website from any source of web analytics, where they come from, goals, campaigns, leads and cost.',
    folder='Product',
    tags=['product', 'traffic', 'marketing'],
    time='now-7d',
    refresh='1m',
    variables=[
      lib.board.choice('source', 'Visitors counted by', m.web_visitors, first=lib.config.source, name='visitors'),
      lib.board.choice('source', 'Web analytics', m.web_page_visitors, first='ga4', name='analytics'),
    ],
    down=['web-vitals', 'product', 'revenue'],
    rows=[
      [
        // How many come, and do they stay?
        panel.strip('Visitors', [
          q.greatest(m.web_current_visitors) { legend: 'There now', good: 'high', decimals: 0 },
          total(m.web_visitors, '1d') { legend: 'Visitors, 24 h', good: 'high', decimals: 0 },
          total(m.web_visitors, '7d') { legend: 'Visitors, 7 d', good: 'high', decimals: 0 },
        ]),
        panel.strip('Visits', [
          total(m.web_page_views, '1d') { legend: 'Views, 24 h', good: 'high', decimals: 0 },
          total(m.web_bounce_ratio, '1d') { legend: 'Bounces, 24 h', good: 'low' },
          total(m.web_visit_duration_seconds, '1d') { legend: 'Length', good: 'high' },
        ]),
      ],
      [
        panel.week(
          'Visitors there now',
          function(q) q.greatest(m.web_current_visitors) { legend: '' },
          good='high',
          q=q,
          alerts=['AnomalyTraffic'],
        ),
        panel.series(
          'Visitors and visits of the day',
          [
            total(m.web_visitors, '1d') { legend: 'visitors' },
            total(m.web_visits, '1d') { legend: 'visits' },
            total(m.web_page_views, '1d') { legend: 'page views' },
          ],
          good='high',
        ),
        panel.series(
          'The same of all sources',
          lib.promql.greatest(lib.promql.value(m.web_visitors, day), by=['source']),
          good='neither',
          description='Visitors of a day as each source counts them. They differ by method; a gap that widens means that one of them is blocked or broken.',
        ),
      ],
      section('Who comes, and from where'),
      [
        ranked('Pages', m.web_page_visitors, 'page'),
        ranked('Referrers', m.web_referrer_visitors, 'referrer'),
        ranked('Channels', m.web_channel_visitors, 'channel'),
        ranked('Countries', m.web_country_visitors, 'country'),
      ],

      section('With what they come', folded=true),
      [
        ranked('Devices', m.web_device_visitors, 'device'),
        ranked('Browsers', m.web_browser_visitors, 'browser'),
        ranked('Systems', m.web_os_visitors, 'os'),
      ],
      section('What they do'),
      [
        panel.ranking(
          'Goals',
          by(m.web_goal_conversions, 'goal'),
          by=['goal'],
          value='Reached',
          good='high',
        ),
        panel.series(
          'Share of visitors who reach a goal',
          analytics.greatest(analytics.value(m.web_goal_conversion_ratio, day), by=['goal']),
          good='high',
        ),
        panel.ranking(
          'Events of the site',
          q.top(15, by(m.web_custom_events, 'event')),
          by=['event'],
          value='In 24 h',
          good='neither',
        ),
        panel.series(
          'Steps and clicks per minute',
          own.top(10, own.sum(own.per_minute(m.web_events_total), by=['event'])),
          good='high',
        ),
      ],
      section('Campaigns and leads'),
      [
        panel.ranking(
          'Landings by campaign',
          own.top(15, own.sum(own.increase(m.web_landings_total, over='1d'), by=['utm_source', 'utm_medium', 'utm_campaign'])),
          by=['utm_source', 'utm_medium', 'utm_campaign'],
          value='In 24 h',
          good='high',
        ),
        panel.ranking(
          'Conversions by campaign',
          own.top(15, own.sum(own.increase(m.marketing_conversions_total, over='1d'), by=['campaign', 'goal'])),
          by=['campaign', 'goal'],
          value='In 24 h',
          good='high',
        ),
        panel.series(
          'Value of conversions per day',
          own.sum(own.increase(m.marketing_conversion_value_total, over='1d'), by=['currency']),
          good='high',
        ),
      ],
      [
        panel.series('Leads per day', own.sum(own.increase(m.marketing_leads_total, over='1d'), by=['channel']), good='high', stacked=true),
        panel.bars('Leads that convert', own.greatest(own.value(m.marketing_lead_conversion_ratio, month), by=['channel']), good='high', max=1),
        panel.ranking(
          'Cost of a lead',
          own.greatest(own.value(m.marketing_cost_per_lead, month), by=['channel', 'currency']),
          by=['channel', 'currency'],
          value='Cost',
          good='low',
        ),
        panel.ranking(
          'Spend of 30 days',
          own.sum(own.value(m.marketing_spend, month), by=['channel', 'currency']),
          by=['channel', 'currency'],
          value='Spend',
          good='neither',
        ),
      ],
      [
        panel.series(
          'Referrals per day',
          [
            own.sum(own.increase(m.marketing_referrals_sent_total, over='1d')) { legend: 'sent' },
            own.sum(own.increase(m.marketing_referrals_accepted_total, over='1d')) { legend: 'accepted' },
          ],
          good='high',
        ),
        panel.series('Newsletter', own.greatest(m.marketing_newsletter_subscribers) { legend: 'subscribers' }, good='high'),
        panel.series('Converted leads per day', own.sum(own.increase(m.marketing_leads_converted_total, over='1d'), by=['channel']), good='high'),
      ],
    ],
  )
