import type { DashboardAction, Feature, SessionAnswer } from '../../api.js';

let session: SessionAnswer;

/** Keeps who looks, for all pages: it does not change while the page is open. */
export function keepSession(answer: SessionAnswer): void {
  session = answer;
}

/** Who looks, and what they may do. There is none before `App` has kept it. */
export function useSession(): SessionAnswer {
  return session;
}

/** Whether an action is shown, and if it cannot be used here, why. */
export interface Permission {
  /** False: this person may not, so there is no button. */
  readonly allowed: boolean;
  /** The transaction manager cannot; the button is grey, and says so. */
  readonly unavailable: string | undefined;
}

export function usePermission(action: DashboardAction, feature?: Feature): Permission {
  const { actions, unavailable } = session;
  return { allowed: actions.includes(action), unavailable: feature && unavailable[feature] };
}
