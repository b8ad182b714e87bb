// For those who help customers: how many wait, how long, and are people content?
function(lib)
  local m = lib.metrics;
  local limits = lib.limits;
  local panel = lib.panel;
  local section = lib.board.section;
  local q = lib.promql.within({ source: '=~$helpdesk' });

  local week = { window: '7d' };
  local month = { window: '30d' };
  local answered(share) = q.quantile_now(share, m.support_first_response_seconds, week);
  local settled(share) = q.quantile_now(share, m.support_resolution_seconds, week);
  local came(over) = q.sum(q.increase(m.support_tickets_created_total, over=over));
  local resolved(over) = q.sum(q.increase(m.support_tickets_resolved_total, over=over));
  local answers(kind) = q.greatest(q.value(m.satisfaction_nps_answers, month { kind: kind }));

  lib.board.page(
    title='Support and satisfaction',
    description='Tickets, how soon they are answered and resolved, the backlog, and what customers say of the product.',
    folder='Product',
    tags=['product', 'support'],
    time='now-7d',
    refresh='1m',
    variables=[lib.board.choice('source', 'Help desk', m.support_tickets_open, first=lib.config.source, name='helpdesk')],
    down=['product', 'errors', 'third-party'],
    rows=[
      [
        // Does anybody wait too long, and are they content?
        panel.strip('Tickets now', [
          q.sum(m.support_tickets_open) { legend: 'Open', good: 'low', decimals: 0 },
          q.sum(q.value(m.support_tickets_open, { state: 'unanswered' })) { legend: 'Unanswered', good: 'low', decimals: 0 },
          came('1d') { legend: 'Came in 24 h', good: 'low', decimals: 0 },
        ]) { width: 10 },
        panel.strip('How well', [
          answered(0.5) { legend: 'First answer', good: 'low', limits: limits.support_first_response_seconds },
          settled(0.5) { legend: 'Resolution', good: 'low' },
          q.greatest(q.value(m.satisfaction_csat_score, month)) { legend: 'CSAT, 1 to 5', good: 'high', decimals: 2, limits: limits.satisfaction_csat_score },
          q.greatest(q.value(m.satisfaction_nps, month)) { legend: 'NPS', good: 'high', decimals: 0 },
        ], alerts=['SupportAnswersSlow', 'SatisfactionDropped']) { width: 14 },
      ],
      [
        panel.week(
          'Tickets that came in the hour',
          function(q) q.sum(q.increase(m.support_tickets_created_total, over='1h')) { legend: '' },
          good='low',
          q=q,
          alerts=['SupportTicketSpike'],
        ),
        panel.series(
          'Open tickets',
          q.sum(m.support_tickets_open, by=['state']),
          good='low',
          stacked=true,
          colours={ unanswered: 'warn', answered: 'accent' },
          alerts=['SupportBacklogGrowing'],
        ),
        panel.series(
          'Came and resolved, of the day',
          [came('1d') { legend: 'came' }, resolved('1d') { legend: 'resolved' }],
          good='neither',
          description='Tickets of the 24 hours before each instant. While fewer are resolved than come, the backlog grows.',
          alerts=['SupportBacklogGrowing'],
        ),
      ],
      section('How long it takes'),
      [
        panel.series(
          'Time to the first answer',
          [answered(0.5) { legend: 'half of the tickets' }, answered(0.9) { legend: 'nine of ten' }],
          good='low',
          limits=limits.support_first_response_seconds,
          alerts=['SupportAnswersSlow'],
        ),
        panel.series(
          'Time to resolution',
          [settled(0.5) { legend: 'half of the tickets' }, settled(0.9) { legend: 'nine of ten' }],
          good='low',
        ),
        panel.bars(
          'Age of open tickets, nine of ten',
          q.quantile_now(0.9, m.support_open_ticket_age_seconds, by=['priority']),
          good='low',
        ),
      ],
      [
        panel.ranking(
          'Open by priority and channel',
          q.sum(m.support_tickets_open, by=['priority', 'channel']),
          by=['priority', 'channel'],
          value='Open',
          good='low',
        ),
        panel.series(
          'Came by channel, per hour',
          q.sum(q.increase(m.support_tickets_created_total, over='1h'), by=['channel']),
          good='low',
          stacked=true,
        ),
      ],
      section('Satisfaction'),
      [
        panel.series(
          'CSAT',
          q.greatest(q.value(m.satisfaction_csat_score, month)) { legend: 'mean of 30 days' },
          good='high',
          limits=limits.satisfaction_csat_score,
          alerts=['SatisfactionDropped'],
          max=5,
        ),
        panel.series(
          'NPS',
          q.greatest(q.value(m.satisfaction_nps, month)) { legend: 'score of 30 days' },
          good='high',
          alerts=['SatisfactionDropped'],
        ),
        panel.series(
          'Who answers',
          [
            answers('promoter') { legend: 'promoter' },
            answers('passive') { legend: 'passive' },
            answers('detractor') { legend: 'detractor' },
          ],
          good='neither',
          stacked=true,
          colours={ promoter: 'ok', passive: 'neutral', detractor: 'bad' },
        ),
        panel.series(
          'Sentiment of answers, per day',
          q.sum(q.increase(m.satisfaction_answers_total, over='1d'), by=['sentiment']),
          good='neither',
          stacked=true,
          colours={ positive: 'ok', negative: 'bad', neutral: 'neutral' },
        ),
      ],
      section('Faults and wishes'),
      [
        panel.series(
          'Open faults',
          q.sum(m.satisfaction_bug_reports_open, by=['severity']),
          good='low',
          stacked=true,
          colours={ critical: 'bad', high: 'warn', low: 'neutral' },
        ),
        panel.bars(
          'Time to settle a fault, half of them',
          q.quantile_now(0.5, m.satisfaction_bug_report_resolution_seconds, month, by=['severity']),
          good='low',
        ),
        panel.bars(
          'Age of open faults, nine of ten',
          q.quantile_now(0.9, m.satisfaction_open_bug_report_age_seconds, by=['severity']),
          good='low',
        ),
      ],
      [
        panel.series(
          'Faults reported and settled, per day',
          [
            q.sum(q.increase(m.satisfaction_bug_reports_created_total, over='1d')) { legend: 'reported' },
            q.sum(q.increase(m.satisfaction_bug_reports_closed_total, over='1d')) { legend: 'settled' },
          ],
          good='neither',
          description='Faults of the 24 hours before each instant. While fewer are settled than reported, the list grows.',
        ),
        panel.ranking(
          'Open wishes',
          q.sum(m.satisfaction_feature_requests_open, by=['area']),
          by=['area'],
          value='Wishes',
          good='neither',
        ),
      ],
    ],
  )
