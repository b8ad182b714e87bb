// Colours by what they say. They are told apart in every common form of colour blindness, and red is for failure alone.
{
  ok: '#009E73',
  warn: '#E69F00',
  bad: '#D55E00',
  neutral: '#8E8E8E',
  accent: '#0072B2',

  // For series that are neither good nor bad: a hue for each query of a panel, shades of it for the query's series.
  series: [self.accent, '#56B4E9', '#CC79A7', '#332288', self.neutral],
}
